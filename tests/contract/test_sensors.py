"""How a sensor ends, in each of its modes, and that the job which it watches is left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from structlog.testing import capture_logs

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import JobCancelled, JobFailed, JobNotFound, JobUnreachable
from contract.drive import Task, reborn, run_task, submit, watch
from contract.services.base import Service
from contract.services.vertex_ai import CUSTOM_JOB

FAST = {"poke_interval": 0.1}
HANG = {"emulator-outcome": "hang"}
LEFT = "this task only watched it"

of_one_service = pytest.mark.parametrize("service", [CUSTOM_JOB], ids=["CustomJob"], indirect=True)
"""For what the service has no part in."""


@pytest.fixture(params=["poke", "reschedule", "deferrable"])
def mode(request: pytest.FixtureRequest) -> str:
    """How the sensor waits."""
    return str(request.param)


def started(service: Service, outcome: str = "succeeded", *, by: Task | None = None) -> str:
    """Let something else start a job, and return its name."""
    return str(submit(service.run, by or Task(), labels={"emulator-outcome": outcome})["name"])


def test_success_returns_the_job(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A job named by its id is returned as the Run operator that started it returns it, and linked."""
    owner = Task()
    job_id = started(service, by=owner).rpartition("/")[2]

    result = watch(partial(service.sensor, job_id), task, mode=mode, **FAST)

    assert result["status"] == "succeeded"
    assert result == run_task(service.run, owner, mode="worker", poll_interval=0.05)
    assert list(task.xcoms.values()) == [result["url"]]


def test_failure_tells_the_reason(service: Service, mode: str, task: Task) -> None:
    """A job that fails fails its sensor, with the service's own reason and the job's page."""
    name = started(service, "failed")

    with pytest.raises(JobFailed) as raised:
        watch(partial(service.sensor, name), task, mode=mode, **FAST)

    assert service.reason in str(raised.value)
    assert "Console: http" in str(raised.value)


def test_cancelled_is_neither_success_nor_failure(service: Service, mode: str, task: Task) -> None:
    """A job that somebody cancels ends its sensor with an error of its own kind."""
    name = started(service, "cancelled")

    with pytest.raises(JobCancelled, match="was cancelled"):
        watch(partial(service.sensor, name), task, mode=mode, **FAST)


def test_an_unknown_job_is_looked_at_twice(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A job that the service denies knowing on two looks, of the same try, fails its sensor."""
    name = f"{started(service)}0"
    emulator.requests.reset()

    with pytest.raises(JobNotFound, match="never started, or somebody deleted it"):
        watch(partial(service.sensor, name), task, mode=mode, **FAST)

    assert emulator.requests.count(service.methods["get"]) == 2
    assert task.rescheduled is None


def test_silence_is_tolerated(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """Looks that fail for a while do not fail the sensor of a healthy job."""
    name = started(service)
    emulator.faults.add(method=service.methods["get"], code="UNAVAILABLE", times=3)

    assert watch(partial(service.sensor, name), task, mode=mode, **FAST)["status"] == "succeeded"


@of_one_service
@pytest.mark.parametrize(("code", "times"), [("NOT_FOUND", 1), ("PERMISSION_DENIED", 3)])
def test_a_doubtful_answer_is_asked_for_again(
    service: Service, mode: str, task: Task, emulator: Emulator, code: str, times: int
) -> None:
    """A single answer of not found, and some of denied, change nothing, and are not rescheduled for."""
    name = started(service)
    run_task(service.run, Task(), mode="worker", poll_interval=0.05)  # the job has ended when it is looked at
    emulator.faults.add(method=service.methods["get"], code=code, times=times)

    assert watch(partial(service.sensor, name), task, mode=mode, **FAST)["status"] == "succeeded"
    assert task.rescheduled is None


@of_one_service
@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED"])
def test_long_silence_ends_the_waiting(
    service: Service, mode: str, task: Task, emulator: Emulator, code: str
) -> None:
    """Silence beyond the tolerance fails the sensor, except in reschedule mode, where only a refusal does."""
    name = started(service)
    emulator.faults.add(method=service.methods["get"], code=code, message="try later", times=2)
    wait = partial(watch, partial(service.sensor, name), task, mode=mode, poll_failure_tolerance=0.05, **FAST)

    if (mode, code) == ("reschedule", "UNAVAILABLE"):
        assert wait()["status"] == "succeeded"
    else:
        with pytest.raises(JobUnreachable, match=rf"try later.* It was left alone; {LEFT}"):
            wait()


@of_one_service
@pytest.mark.parametrize(
    ("settings", "error"),
    [({}, AirflowSensorTimeout), ({"soft_fail": True}, AirflowSkipException)],
    ids=["hard", "soft"],
)
def test_a_timeout_leaves_the_job_running(
    service: Service,
    mode: str,
    task: Task,
    emulator: Emulator,
    settings: dict[str, bool],
    error: type[AirflowException],
) -> None:
    """A sensor whose time is up fails as every sensor does, or skips, and the job goes on."""
    name = started(service, "hang")

    with pytest.raises(error, match=rf"timeout of 0\.5 s passed\. It keeps running; {LEFT}") as raised:
        watch(partial(service.sensor, name), task, mode=mode, timeout=0.5, **settings, **FAST)

    assert type(raised.value) is error
    assert emulator.requests.count(service.methods["cancel"]) == 0


@of_one_service
def test_a_timeout_counts_from_the_first_poke(service: Service, task: Task) -> None:
    """A sensor that was rescheduled for as long as its timeout makes one last look."""
    name = started(service, "hang")
    task.rescheduled = datetime.now(UTC) - timedelta(seconds=60)

    # In our words, and so by our count: Airflow's own comes to the same end.
    with pytest.raises(AirflowSensorTimeout, match=r"timeout of 59\.0 s passed"):
        service.sensor(name, mode="reschedule", deferrable=False, timeout=59).execute(task.context)


@of_one_service
@pytest.mark.parametrize("field", ["soft_fail", "never_fail"])
def test_a_soft_sensor_skips_with_the_reason(service: Service, mode: str, task: Task, field: str) -> None:
    """A job that fails skips a sensor that is to fail softly, and the reason is not lost."""
    name = started(service, "failed")

    with pytest.raises(AirflowSkipException, match=service.reason):
        watch(partial(service.sensor, name), task, mode=mode, **{field: True}, **FAST)


def test_a_kill_leaves_the_job(service: Service, task: Task, emulator: Emulator) -> None:
    """A killed sensor cancels nothing, on the worker and while deferred, and says so."""
    name = started(service, "hang")
    sensor = service.sensor(name, deferrable=False)
    sensor.poke(task.context)
    with pytest.raises(TaskDeferred) as deferred:
        service.sensor(name, deferrable=True).execute(task.context)

    with capture_logs() as logs:
        sensor.on_kill()
        asyncio.run(reborn(deferred.value.trigger).on_kill())

    told = [line["event"] % line.get("positional_args", ()) for line in logs]
    assert told[0].startswith(f"Task killed; job {name} keeps running; {LEFT}; page: http")
    assert told[1] == f"Task killed; job {name} keeps running, as this task does not cancel it"
    assert emulator.requests.count(service.methods["cancel"]) == 0


@of_one_service
@pytest.mark.parametrize(
    ("why", "settings", "error", "words"),
    [
        ("Trigger timeout", {}, AirflowSensorTimeout, f"passed. It was left alone; {LEFT}"),
        ("Trigger timeout", {"soft_fail": True}, AirflowSkipException, f"passed. It was left alone; {LEFT}"),
        ("Trigger failure", {}, AirflowException, "Trigger failure"),
        ("Trigger failure", {"soft_fail": True}, AirflowSkipException, "Trigger failure"),
    ],
)
def test_a_lost_trigger_leaves_the_job(
    service: Service,
    task: Task,
    emulator: Emulator,
    why: str,
    settings: dict[str, bool],
    error: type[AirflowException],
    words: str,
) -> None:
    """A sensor whose trigger Airflow gave up ends as at its timeout, or may be retried; the job goes on."""
    name = started(service, "hang")

    with pytest.raises(error) as raised:
        service.sensor(name, **settings).resume_execution("__fail__", {"error": why}, task.context)

    assert words in str(raised.value)
    assert isinstance(raised.value, AirflowSensorTimeout) is (why == "Trigger timeout" and not settings)
    assert emulator.requests.count(service.methods["cancel"]) == 0


@of_one_service
def test_a_sensor_defers_with_its_own_settings(service: Service, task: Task) -> None:
    """The trigger looks as often, and for as long, as the sensor would, and Airflow's limit comes later."""
    before = datetime.now(UTC).timestamp()

    with pytest.raises(TaskDeferred) as deferred:
        service.sensor("1", deferrable=True, poke_interval=7, timeout=90).execute(task.context)

    fields: dict[str, Any] = deferred.value.trigger.serialize()[1]
    assert (fields["poll_interval"], fields["cancel_on_kill"]) == (7, False)
    assert 90 <= fields["deadline"] - before < 90 + 60
    assert deferred.value.timeout > timedelta(seconds=90)
