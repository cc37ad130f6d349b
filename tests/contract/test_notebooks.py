"""What is particular about notebook execution jobs: ids, deletion, and a creation that fails later."""

from __future__ import annotations

import dataclasses
import json

import pytest
from google.api_core import exceptions

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec, JobFailed
from airflow_mljobs.hooks.vertex_ai.notebook_execution_job import NotebookExecutionJobHook
from airflow_mljobs.jobs import Job, JobStatus, TaskIdentity
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import (
    GetNotebookExecutionJobOperator,
    ListNotebookExecutionJobOperator,
)
from contract.drive import Task, run_task, submit
from contract.services.base import REGION
from contract.services.notebook import NOTEBOOK, NOTEBOOK_EXECUTION_JOB
from contract.services.vertex_ai import PARENT

HANG = {"emulator-outcome": "hang"}
DELETE = NOTEBOOK_EXECUTION_JOB.methods["delete"]
run = NOTEBOOK_EXECUTION_JOB.run


@pytest.fixture
def hook(emulator: Emulator) -> NotebookExecutionJobHook:
    """The hook, on the emulator."""
    return NotebookExecutionJobHook()


def identity(task: Task, *, epoch: int) -> TaskIdentity:
    """Return who the task is, in one of its generations."""
    return TaskIdentity(dag_id=task.dag_id, run_id=task.run_id, task_id=task.task_id, epoch=epoch)


def create(hook: NotebookExecutionJobHook, owner: TaskIdentity, *, attempt: int) -> str:
    """Create a job of a task and return its name."""
    resource = run(labels=HANG).build()
    job_id = hook.job_id_of(owner, attempt=attempt)
    hook.create_notebook_execution_job(
        region=REGION, notebook_execution_job=resource, notebook_execution_job_id=job_id
    )
    return f"{PARENT}/notebookExecutionJobs/{job_id}"


def test_a_creation_that_fails_later_tells_why(mode: str, task: Task, emulator: Emulator) -> None:
    """A job that was accepted and never came into being fails the task, with the reason of its operation."""
    with pytest.raises(JobFailed, match=r"could not be created: The runtime template is not usable\."):
        run_task(run, task, mode=mode, labels={"emulator-creation": "failed"}, poll_interval=0.05)


def test_an_old_refusal_says_nothing_of_a_new_job(
    hook: NotebookExecutionJobHook, task: Task, emulator: Emulator
) -> None:
    """A job whose id was refused before is not failed by that, be it out of sight for a moment or deleted."""
    name = submit(run, task, labels={"emulator-creation": "failed"})["name"]
    while not isinstance(hook.look(name), Job):
        pass
    assert submit(run, task, labels=HANG)["name"] == name
    emulator.faults.add(method=NOTEBOOK_EXECUTION_JOB.methods["get"], code="NOT_FOUND")

    with pytest.raises(exceptions.NotFound):
        hook.get_job(name)
    assert hook.get_job(name).status is JobStatus.ACTIVE

    hook.cancel_job(name)
    with pytest.raises(exceptions.NotFound):
        hook.get_job(name)


def test_a_finished_job_is_not_deleted_by_a_kill(
    hook: NotebookExecutionJobHook, task: Task, emulator: Emulator
) -> None:
    """A job that ended while the task was killed keeps its result."""
    name = run_task(run, task, mode="worker", poll_interval=0.05)["name"]

    hook.cancel_job(name)

    assert emulator.requests.count(DELETE) == 0
    assert hook.get_job(name).status is JobStatus.SUCCEEDED


def test_stopping_twice_is_fine(hook: NotebookExecutionJobHook, task: Task, emulator: Emulator) -> None:
    """A job that is gone need not be stopped."""
    name = submit(run, task, labels=HANG)["name"]

    hook.cancel_job(name)
    hook.cancel_job(name)

    assert emulator.requests.count(DELETE) == 1


def test_the_log_says_that_a_kill_deletes(
    task: Task, emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a kill does to the job is named for what it is."""
    operator = run(labels=HANG, wait_for_completion=False)
    name = operator.execute(task.context)["name"]

    operator.on_kill()

    assert f"Task killed: Asked the service to delete job {name}." in capsys.readouterr().out


def test_jobs_are_found_in_all_generations(hook: NotebookExecutionJobHook, task: Task) -> None:
    """Jobs are found by their ids, newest first, those of earlier generations and beyond a gap as well."""
    old, new = identity(task, epoch=1), identity(task, epoch=4)
    for owner, attempt in ((old, 1), (new, 2), (dataclasses.replace(new, epoch=5), 1)):
        create(hook, owner, attempt=attempt)

    found = hook.find_jobs(new, parent=PARENT)

    assert [(attempt.epoch, attempt.number) for attempt in found] == [(4, 2), (1, 1)]


def test_finding_costs_the_same_however_many_jobs_there_are(
    hook: NotebookExecutionJobHook, task: Task, emulator: Emulator
) -> None:
    """The search takes two requests for each generation, whoever else has jobs."""
    for number in range(5):
        create(hook, identity(Task(), epoch=number), attempt=1)
    emulator.requests.reset()

    assert hook.find_jobs(identity(task, epoch=2), parent=PARENT) == []

    assert sum(emulator.requests.counts().values()) == 6


def test_a_search_repeats_only_what_failed(
    hook: NotebookExecutionJobHook, task: Task, emulator: Emulator
) -> None:
    """A search of many requests goes on where one met silence, or it would never end in a storm."""
    owner = identity(task, epoch=2)
    last = hook.job_id_of(dataclasses.replace(owner, epoch=0), attempt=2)
    emulator.faults.add(method="GetNotebookExecutionJob", containing=last, code="UNAVAILABLE")

    assert hook.insist(hook.find_jobs, owner, parent=PARENT) == []
    assert emulator.requests.count("GetNotebookExecutionJob") == 7


def test_a_search_that_nobody_insists_on_is_made_once(
    hook: NotebookExecutionJobHook, task: Task, emulator: Emulator
) -> None:
    """A search by itself tells at once what it met."""
    emulator.faults.add(method="GetNotebookExecutionJob", code="UNAVAILABLE")

    with pytest.raises(exceptions.ServiceUnavailable):
        hook.find_jobs(identity(task, epoch=0), parent=PARENT)


def test_an_id_is_short(hook: NotebookExecutionJobHook) -> None:
    """An id has at most 63 characters, whatever DAG and task are called, and is the task's own."""
    long = [
        TaskIdentity(dag_id="d" * 200, run_id=run_id, task_id="t" * 200, epoch=12) for run_id in ("a", "b")
    ]
    first, second = (hook.job_id_of(owner, attempt=3) for owner in long)
    assert len(first) == len(second) == 63
    assert first != second
    assert first.endswith("-12-3")


def test_the_notebook_is_in_the_full_view_only(task: Task, emulator: Emulator) -> None:
    """Get and List leave the notebook out, unless it is asked for."""
    name = submit(run, task, labels=HANG)["name"]

    def held(view: str) -> list[bool]:
        get = GetNotebookExecutionJobOperator(
            task_id="g", region=REGION, notebook_execution_job_id=name, view=view
        )
        many = ListNotebookExecutionJobOperator(
            task_id="l", region=REGION, view=view, filter=f'notebookExecutionJob="{name.rpartition("/")[2]}"'
        )
        jobs = [get.execute(Task().context), *many.execute(Task().context)]
        return ["direct_notebook_source" in job for job in jobs]

    assert [held("BASIC"), held("FULL")] == [[False, False], [True, True]]


def test_a_view_that_is_none_is_refused(task: Task, emulator: Emulator) -> None:
    """A view is BASIC or FULL."""
    operator = GetNotebookExecutionJobOperator(
        task_id="g", region=REGION, notebook_execution_job_id="x", view="ALL"
    )
    with pytest.raises(InvalidJobSpec, match="view='ALL' is not valid: is BASIC"):
        operator.execute(task.context)


def test_the_hooks_methods(hook: NotebookExecutionJobHook, emulator: Emulator) -> None:
    """Every method of the API is there, with the official types in and out, the project left out."""
    resource = run(name="by hand").notebook_execution_job
    operation = hook.create_notebook_execution_job(
        region=REGION, notebook_execution_job=resource, notebook_execution_job_id="by-hand", notebook=NOTEBOOK
    )
    done = operation.result(timeout=30)
    assert done.name == f"{PARENT}/notebookExecutionJobs/by-hand"

    got = hook.get_notebook_execution_job(region=REGION, notebook_execution_job="by-hand", view="FULL")
    listed = hook.list_notebook_execution_jobs(
        region=REGION, filter='displayName="by hand"', order_by="create_time desc", page_size=1
    )
    assert [job.name for job in listed] == [got.name] == [done.name]
    assert json.loads(got.direct_notebook_source.content) == NOTEBOOK

    hook.delete_notebook_execution_job(region=REGION, notebook_execution_job="by-hand").result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        hook.get_notebook_execution_job(region=REGION, notebook_execution_job="by-hand")
