"""What becomes of the job when the task is killed."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.timeout import timeout

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import JobError, JobTimeout
from airflow_mljobs.operators import kill
from airflow_mljobs.operators.base import RunJobOperator
from contract.drive import Task, reborn
from contract.services.base import Service

HANG = {"emulator-outcome": "hang"}


def submitted(service: Service, task: Task, **kwargs: object) -> RunJobOperator:
    """Return an operator that has submitted its job."""
    operator = service.run(labels=HANG, wait_for_completion=False, **kwargs)
    operator.execute(task.context)
    return operator


def kill_deferred(service: Service, task: Task, **kwargs: object) -> None:
    """Kill a task whose trigger is waiting."""
    with pytest.raises(TaskDeferred) as deferred:
        service.run(labels=HANG, deferrable=True, **kwargs).execute(task.context)
    asyncio.run(reborn(deferred.value.trigger).on_kill())


def test_kill_on_the_worker_cancels(service: Service, task: Task, emulator: Emulator) -> None:
    """A killed task asks the service once to cancel its job."""
    submitted(service, task).on_kill()

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_kill_while_deferred_cancels(service: Service, task: Task, emulator: Emulator) -> None:
    """A task killed while deferred asks the service once to cancel its job."""
    kill_deferred(service, task)

    assert emulator.requests.count(service.methods["cancel"]) == 1


class Supervisor:
    """The triggerer's own side of Airflow, which knows the task's state and its XComs."""

    def __init__(self, task: Task, *, state: str) -> None:
        self.task, self.state = task, state

    def send(self, message: Any) -> Any:
        """Answer what a trigger asks."""
        if isinstance(message, comms.GetTaskStates):
            return comms.TaskStatesResult(task_states={self.task.run_id: {self.task.task_id: self.state}})
        assert isinstance(message, comms.GetXCom)
        return comms.XComResult(key=message.key, value=self.task.xcoms.get(message.key))


@pytest.mark.parametrize(
    ("state", "same_job", "cancels"),
    [("deferred", True, 0), ("deferred", False, 1), ("running", True, 1), ("failed", True, 1)],
)
def test_a_lost_trigger_is_told_from_a_kill(
    service: Service,
    task: Task,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    same_job: bool,
    cancels: int,
) -> None:
    """A trigger cancels its job unless the task still waits for it: a later try may wait for another."""
    with pytest.raises(TaskDeferred) as deferred:
        service.run(labels=HANG, deferrable=True).execute(task.context)
    trigger = reborn(deferred.value.trigger)
    trigger.task_instance = task  # type: ignore[assignment]
    if not same_job:
        task.xcoms["job_name"] = "a later try's job"
    supervisor = Supervisor(task, state=state)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)

    asyncio.run(trigger.on_kill())

    assert emulator.requests.count(service.methods["cancel"]) == cancels


def test_a_job_that_is_stopped_already_is_not_cancelled_again(
    service: Service, task: Task, emulator: Emulator
) -> None:
    """A trigger whose job was cancelled meanwhile, as by the next try of a cleared task, sends no cancel."""
    with pytest.raises(TaskDeferred) as deferred:
        service.run(labels=HANG, deferrable=True).execute(task.context)
    trigger = reborn(deferred.value.trigger)
    service.run().hook.cancel_job(trigger.job_name)

    asyncio.run(trigger.on_kill())

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_kill_leaves_the_job_when_told_so(service: Service, task: Task, emulator: Emulator) -> None:
    """With cancel_on_kill off, a killed task leaves its job alone in both modes."""
    submitted(service, task, cancel_on_kill=False).on_kill()
    kill_deferred(service, task, cancel_on_kill=False)

    assert emulator.requests.count(service.methods["cancel"]) == 0


def test_a_cancel_that_meets_silence_is_repeated(service: Service, task: Task, emulator: Emulator) -> None:
    """A cancel that is not answered is sent again."""
    emulator.faults.add(method=service.methods["cancel"], code="UNAVAILABLE")

    submitted(service, task).on_kill()

    assert emulator.requests.count(service.methods["cancel"]) == 2


def test_a_cancel_on_the_worker_is_repeated_in_time(service: Service, task: Task, emulator: Emulator) -> None:
    """In the few seconds that Airflow leaves to a killed task, a cancel is sent as often as a storm needs."""
    emulator.faults.add(method=service.methods["cancel"], code="UNAVAILABLE", times=6)

    submitted(service, task).on_kill()

    assert emulator.requests.count(service.methods["cancel"]) == 7


def test_a_refused_cancel_does_not_hide_the_kill(
    service: Service, task: Task, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancel that is refused is repeated while there is time, since a grant may be on its way."""
    monkeypatch.setattr(kill, "KILLED_WITHIN", 2.0)
    emulator.faults.add(method=service.methods["cancel"], code="PERMISSION_DENIED", times=100)

    submitted(service, task).on_kill()
    emulator.faults.clear()

    assert 1 < emulator.requests.count(service.methods["cancel"]) < 50


def test_a_killed_task_submits_nothing(service: Service, task: Task, emulator: Emulator) -> None:
    """A task that was killed before its submit, and goes on as Airflow lets it, sends none."""
    operator = service.run(labels=HANG)
    operator.on_kill()

    with pytest.raises(JobError, match="killed before it submitted"):
        operator.execute(task.context)
    assert emulator.requests.count(service.methods["create"]) == 0


def test_a_kill_while_submitting_is_heard(service: Service, task: Task, emulator: Emulator) -> None:
    """A task killed while its submit is under way cancels the job that comes of it."""
    operator = service.run(labels=HANG, wait_for_completion=False)
    assert operator.hook  # imports take their time, and are not what is interrupted here
    emulator.faults.add(method=service.methods["create"], latency=0.5)

    def arrived() -> None:
        while not emulator.requests.count(service.methods["create"]):
            time.sleep(0.01)
        # To the main thread, as a signal from outside comes: it interrupts what that one waits for.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    # As Airflow does on SIGTERM: the handler calls on_kill, and the task goes on where it was.
    before = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    thread = threading.Thread(target=arrived)
    thread.start()
    with pytest.raises(JobError, match="was killed while it submitted"):
        operator.execute(task.context)
    thread.join()
    signal.signal(signal.SIGUSR1, before)

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_deadline_while_submitting_cancels(service: Service, task: Task, emulator: Emulator) -> None:
    """A task whose time is up while it waits for the answer to its submit cancels what came of that."""
    operator = service.run(labels=HANG, cancel_on_kill=False)
    assert operator.hook  # imports take their time, and are not what is interrupted here
    emulator.faults.add(method=service.methods["create"], after_commit=True, latency=6)

    with pytest.raises(JobTimeout, match=r"deadline passed .* Asked the service to"), timeout(2):
        operator.execute(task.context)

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_trigger_that_timed_out_cancels(service: Service, task: Task, emulator: Emulator) -> None:
    """When Airflow itself gives up the trigger in time, the job is cancelled."""
    submitted(service, task)

    with pytest.raises(AirflowException, match="Trigger timeout"):
        service.run().resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_trigger_that_broke_leaves_the_job(service: Service, task: Task, emulator: Emulator) -> None:
    """When a trigger breaks, the job is left for the retry."""
    submitted(service, task)

    with pytest.raises(AirflowException, match="Trigger failure"):
        service.run().resume_execution("__fail__", {"error": "Trigger failure"}, task.context)

    assert emulator.requests.count(service.methods["cancel"]) == 0


def test_a_kill_before_any_job_is_quiet(service: Service, emulator: Emulator) -> None:
    """A task killed before it submitted anything sends nothing."""
    service.run().on_kill()

    assert emulator.requests.counts() == {}
