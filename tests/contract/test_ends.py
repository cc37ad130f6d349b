"""How a task ends, for each way that its job can end."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest
from airflow.sdk.execution_time.timeout import timeout

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import (
    InvalidJobSpec,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobTimeout,
    JobUnreachable,
)
from airflow_mljobs.jobs import FailureKind
from contract.drive import Task, run_task, submit
from contract.services.base import Service

FAST = {"poll_interval": 0.05}


def test_success_returns_the_job(service: Service, mode: str, task: Task) -> None:
    """A job that succeeds is returned as a plain dict, and its page is behind the operator's link."""
    result = run_task(service.run, task, mode=mode, **FAST)

    assert result["status"] == "succeeded"
    assert result["state"].upper().endswith("SUCCEEDED")
    assert result["error"] is None
    # Not every service tells when the work began, and some count whole seconds.
    assert (result["started"] or result["created"]) <= result["ended"]
    assert list(task.xcoms.values()) == [result["name"], result["url"]]


def test_both_modes_return_the_same(service: Service, task: Task) -> None:
    """Waiting in the triggerer and waiting on the worker bring the same dict."""
    deferred = run_task(service.run, task, mode="deferrable", **FAST)

    # The same task once more: it takes the result of its job, which is one and the same for both.
    assert run_task(service.run, task, mode="worker", **FAST) == deferred


def test_failure_tells_the_reason(service: Service, mode: str, task: Task) -> None:
    """A job that fails fails the task, with the service's own reason and the job's page."""
    with pytest.raises(JobFailed) as raised:
        run_task(service.run, task, mode=mode, labels={"emulator-outcome": "failed"}, **FAST)

    assert service.reason in str(raised.value)
    assert "Console: http" in str(raised.value)


def test_cancelled_is_neither_success_nor_failure(service: Service, mode: str, task: Task) -> None:
    """A job that somebody cancels ends the task with an error of its own kind."""
    with pytest.raises(JobCancelled, match="was cancelled"):
        run_task(service.run, task, mode=mode, labels={"emulator-outcome": "cancelled"}, **FAST)


def test_no_waiting_when_asked(service: Service, mode: str, task: Task) -> None:
    """Without waiting, the task returns the job as soon as it is submitted."""
    result = run_task(service.run, task, mode=mode, wait_for_completion=False, **FAST)

    assert result["status"] == "active"


def test_job_that_vanishes(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A job that the service denies knowing twice fails the task as not found."""
    emulator.faults.add(method=service.methods["get"], code="NOT_FOUND", times=2)

    with pytest.raises(JobNotFound, match=r"Somebody deleted it\. A retry submits it anew"):
        # Not durable, here and below: what is met is a look at the job, and not the search for it.
        run_task(service.run, task, mode=mode, durable=False, **FAST)


def test_one_not_found_is_looked_at_again(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A single answer of not found, as from a replica that lags, changes nothing."""
    emulator.faults.add(method=service.methods["get"], code="NOT_FOUND")

    assert run_task(service.run, task, mode=mode, durable=False, **FAST)["status"] == "succeeded"


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "PERMISSION_DENIED"])
def test_silence_is_tolerated(service: Service, mode: str, task: Task, emulator: Emulator, code: str) -> None:
    """Looks that fail for a while do not fail a healthy job."""
    emulator.faults.add(method=service.methods["get"], code=code, times=3)

    assert run_task(service.run, task, mode=mode, durable=False, **FAST)["status"] == "succeeded"


def test_long_silence_leaves_the_job_running(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """Silence beyond the tolerance fails the task, which says what that means for its job."""
    emulator.faults.add(method=service.methods["get"], code="UNAVAILABLE", message="try later", times=2)

    with pytest.raises(JobUnreachable, match=r"try later.* left running\. Nobody waits .* submits another"):
        run_task(service.run, task, mode=mode, durable=False, poll_interval=0.05, poll_failure_tolerance=0.01)

    assert emulator.requests.count(service.methods["cancel"]) == 0


def test_deadline_cancels(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """The task's execution timeout cancels the job and says so."""
    submit(service.run, Task())  # imports take their time, and are not what is timed here
    emulator.requests.reset()
    limit = timedelta(seconds=3)
    # On a worker, Airflow itself raises when the time is over.
    alarm = timeout(limit.total_seconds()) if mode == "worker" else nullcontext()

    fate = rf"deadline passed\. Asked the service to {service.cancels_by} job"
    with pytest.raises(JobTimeout, match=fate), alarm:
        run_task(
            service.run,
            task,
            mode=mode,
            labels={"emulator-outcome": "hang"},
            execution_timeout=limit,
            cancel_on_kill=False,
            **FAST,
        )

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_wrong_resource_never_leaves_the_worker(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A resource that can be seen to be wrong is refused before any request."""
    with pytest.raises(InvalidJobSpec):
        run_task(service.broken, task, mode=mode, **FAST)

    assert emulator.requests.counts() == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("PERMISSION_DENIED", FailureKind.DENIED),
        ("NOT_FOUND", FailureKind.MISSING),
    ],
)
def test_a_refused_submit_is_not_repeated(
    service: Service, task: Task, emulator: Emulator, code: str, kind: FailureKind
) -> None:
    """A submit that the service refuses is sent once, and the service's words reach the user."""
    emulator.faults.add(method=service.methods["create"], code=code, message="the service's own words")

    with pytest.raises(Exception, match="the service's own words") as raised:
        submit(service.run, task)

    assert service.run().hook.failure_kind(raised.value) is kind
    assert emulator.requests.count(service.methods["create"]) == 1


def test_what_the_service_calls_invalid_is_not_retried(
    service: Service, task: Task, emulator: Emulator
) -> None:
    """A submit that the service calls invalid fails the task for good, in the service's words."""
    emulator.faults.add(method=service.methods["create"], code="INVALID_ARGUMENT", message="no such machine")

    with pytest.raises(InvalidJobSpec, match="no such machine"):
        submit(service.run, task)

    assert emulator.requests.count(service.methods["create"]) == 1
