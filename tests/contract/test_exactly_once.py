"""At most one job for each generation of a task, whatever becomes of the workers."""

from __future__ import annotations

import pytest

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import JobError, JobFailed
from contract.drive import Task, run_task, submit
from contract.services.base import Service

FAST = {"poll_interval": 0.05}
HANG = {"emulator-outcome": "hang"}


def test_a_retry_attaches_to_the_running_job(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A try that finds its job at work waits for that one."""
    first = submit(service.run, task)

    again = run_task(service.run, task, mode=mode, **FAST)

    assert again["name"] == first["name"]
    assert emulator.requests.count(service.methods["create"]) == 1


def test_a_retry_takes_the_result(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A try whose job succeeded while nobody looked takes its result."""
    first = run_task(service.run, task, mode=mode, **FAST)

    assert run_task(service.run, task, mode=mode, **FAST) == first
    assert emulator.requests.count(service.methods["create"]) == 1


def test_a_retry_after_a_failure_submits_the_next(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A try whose job failed submits another one."""
    with pytest.raises(JobFailed):
        run_task(service.run, task, mode=mode, labels={"emulator-outcome": "failed"}, **FAST)

    assert run_task(service.run, task, mode=mode, **FAST)["status"] == "succeeded"
    assert emulator.requests.count(service.methods["create"]) == 2


def test_a_clear_starts_anew(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A cleared task submits a job of its own, although the earlier one succeeded."""
    first = run_task(service.run, task, mode=mode, **FAST)

    again = run_task(service.run, task.cleared(), mode=mode, **FAST)

    assert again["name"] != first["name"]
    assert emulator.requests.count(service.methods["cancel"]) == 0


def test_a_clear_cancels_what_still_runs(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A cleared task cancels the job of before first, when that one is still at work."""
    first = submit(service.run, task, labels=HANG)

    again = run_task(service.run, task.cleared(), mode=mode, **FAST)

    assert again["name"] != first["name"]
    assert again["status"] == "succeeded"
    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_lost_answer_is_looked_for(service: Service, mode: str, task: Task, emulator: Emulator) -> None:
    """A job whose creation was answered by silence is found, and not created again."""
    emulator.faults.add(method=service.methods["create"], after_commit=True)

    assert run_task(service.run, task, mode=mode, **FAST)["status"] == "succeeded"
    assert emulator.requests.count(service.methods["create"]) == 1


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_submit_that_left_nothing_is_sent_again(
    service: Service, task: Task, emulator: Emulator, code: str
) -> None:
    """A submit that met silence, or a quota, and left no job behind, is sent once more."""
    emulator.faults.add(method=service.methods["create"], code=code)

    assert submit(service.run, task)["status"] == "active"
    assert emulator.requests.count(service.methods["create"]) == 2


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_submit_is_given_up_in_time(service: Service, task: Task, emulator: Emulator, code: str) -> None:
    """A submit is repeated for as long as the task bears silence; then the service's words reach the user."""
    emulator.faults.add(method=service.methods["create"], code=code, message="the service's words", times=100)

    with pytest.raises(JobError, match=r"No submit succeeded for 3\.0 s, .* the service's words"):
        submit(service.run, task, poll_failure_tolerance=3)
    emulator.faults.clear()

    assert emulator.requests.count(service.methods["create"]) == 2


def test_a_retry_bears_a_refusal_to_look(service: Service, task: Task, emulator: Emulator) -> None:
    """A retry that may not look for its job asks again, as a grant may be on its way."""
    name = submit(service.run, task)["name"]
    task.try_number = 2
    by = "get" if service.cancelled is None else "list"
    emulator.faults.add(method=service.methods[by], code="PERMISSION_DENIED")

    assert submit(service.run, task)["name"] == name


def test_mapped_tasks_do_not_meet(service: Service, emulator: Emulator) -> None:
    """Two mapped tasks that start in the same moment have a job each."""
    first = Task()
    second = Task(run_id=first.run_id, map_index=1)
    first.map_index = 0

    assert submit(service.run, first)["name"] != submit(service.run, second)["name"]


def test_a_job_being_cancelled_is_not_attached_to(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A try whose job is being cancelled waits for that one's end, and submits the next."""
    operator = service.run(labels=HANG, wait_for_completion=False)
    name = operator.execute(task.context)["name"]
    operator.hook.cancel_job(name)

    again = run_task(service.run, task, mode=mode, **FAST)

    # Where to stop a job is to delete it, its name is free again.
    assert again["name"] != name or service.cancelled is None
    assert again["status"] == "succeeded"


def test_a_retry_attaches_although_its_input_went_bad(
    service: Service, mode: str, task: Task, emulator: Emulator
) -> None:
    """A retry goes on with its job, although what the job was made of can no longer be used."""
    name = submit(service.run, task)["name"]
    task.try_number = 2

    assert run_task(service.broken, task, mode=mode, **FAST)["name"] == name


def test_plain_submission_when_not_durable(service: Service, task: Task, emulator: Emulator) -> None:
    """Without durability every try submits, and nothing is looked for."""
    names = {submit(service.run, task, durable=False)["name"] for _ in range(2)}

    assert len(names) == 2
    assert emulator.requests.count(service.methods["list"]) == 0
