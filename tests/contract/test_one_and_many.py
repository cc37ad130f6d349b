"""Get, list, cancel and delete, by operator and by hook."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec, JobNotFound
from airflow_mljobs.jobs import Failure, FailureKind, Job, JobStatus
from contract.drive import Task, submit
from contract.services import SERVICES
from contract.services.base import Service

HANG = {"emulator-outcome": "hang"}


def having(*verbs: str) -> pytest.MarkDecorator:
    """Run a test for the services that have these operators."""
    services = [service for service in SERVICES if set(verbs) <= set(service.one)]
    return pytest.mark.parametrize("service", services, ids=lambda service: service.name, indirect=True)


def act(service: Service, verb: str, job: str) -> Any:
    """Run one of the small operators."""
    return service.one[verb](job).execute(Task().context)


@pytest.fixture
def job(service: Service, task: Task) -> str:
    """The name of a job that does not end by itself."""
    return str(submit(service.run, task, labels=HANG)["name"])


def test_get_by_name_and_by_id(service: Service, job: str) -> None:
    """A job is got by its full name and by its id alike."""
    by_name = act(service, "get", job)

    by_id = act(service, "get", job.rpartition("/")[-1])
    assert service.name_of(by_name) == service.name_of(by_id) == job


def test_get_of_nothing(service: Service, job: str) -> None:
    """Getting a job that is not there is an error of its own kind."""
    with pytest.raises(JobNotFound, match=f"{job}0"):
        act(service, "get", f"{job}0")


def test_an_empty_id_is_refused(service: Service, emulator: Emulator) -> None:
    """An empty id is refused before any request."""
    with pytest.raises(InvalidJobSpec, match="names a job"):
        act(service, "get", "")

    assert emulator.requests.counts() == {}


def test_list_of_some_over_pages(service: Service) -> None:
    """A list holds all the jobs that its filter asks for, over pages, as far as its limit."""
    marks, filter = service.marked(Task().run_id.replace("_", "-")[:63].lower())
    names = {submit(service.run, Task(), **marks)["name"] for _ in range(3)}

    operator = service.many(filter=filter, page_size=2)
    assert {service.name_of(found) for found in operator.execute(Task().context)} == names

    operator = service.many(filter=filter, page_size=2, limit=1)
    assert len(operator.execute(Task().context)) == 1


@having("cancel")
def test_cancel_twice(service: Service, job: str) -> None:
    """Cancelling ends a job, and cancelling it again is fine."""
    act(service, "cancel", job)
    hook = service.one["get"](job).hook
    while hook.get_job(job).status is JobStatus.ACTIVE:
        pass

    act(service, "cancel", job)

    assert hook.get_job(job).status is JobStatus.CANCELLED


@having("cancel", "delete")
def test_delete_twice(service: Service, job: str) -> None:
    """Deleting removes a job that has ended, and deleting it again is fine."""
    hook = service.one["get"](job).hook
    act(service, "cancel", job)
    while hook.get_job(job).status is JobStatus.ACTIVE:
        pass

    act(service, "delete", job)
    act(service, "delete", job)

    with pytest.raises(JobNotFound):
        act(service, "get", job)


@having("cancel")
def test_cancel_of_nothing(service: Service, job: str) -> None:
    """Cancelling a job that is not there is fine."""
    act(service, "cancel", f"{job}0")


def test_look_up_of_many(service: Service, job: str) -> None:
    """Looking up many jobs answers for each, and one that is missing does not hide another."""
    hook = service.one["get"](job).hook

    looks = hook.look_up([job, f"{job}0"])

    found, missing = looks[job], looks[f"{job}0"]
    assert isinstance(found, Job)
    assert found.name == job
    assert isinstance(missing, Failure)
    assert missing.kind is FailureKind.MISSING
