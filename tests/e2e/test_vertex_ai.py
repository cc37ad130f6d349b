"""The main job, on a real Airflow: jobs that succeed, fail, and are killed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.runs import errors_of, log_of
from processes import wait_until
from stack import Stack


@pytest.fixture(scope="module")
def failures(ran: Callable[[str], str]) -> str:
    """A run in which every job fails."""
    return ran("failures")


@pytest.mark.parametrize("task_id", ["custom_job_deferrable", "custom_job_worker"])
def test_custom_job_failure(stack: Stack, failures: str, task_id: str) -> None:
    """A failed custom job's exit code and last output lines are in the task's error."""
    log = errors_of(stack, "failures", failures, task_id)

    assert stack.airflow.tasks("failures", failures)[task_id]["state"] == "failed"
    assert "JobFailed" in log
    assert "exited with a non-zero status of 3" in log
    assert "disk quota exceeded" in log


def test_pipeline_failure(stack: Stack, failures: str) -> None:
    """A failed pipeline's task and that task's own exception are in the error."""
    log = errors_of(stack, "failures", failures, "pipeline")

    assert "The failed tasks are: [evaluate]" in log
    assert "Task evaluate failed" in log
    assert "is below the required 1.0" in log


def test_notebook_failure(stack: Stack, failures: str) -> None:
    """A failed notebook's cell and exception are in the error, its own braces untouched by templates."""
    log = errors_of(stack, "failures", failures, "notebook")

    assert "Cell 1 of 1 failed: LookupError: {no} such column: {{ ds }}" in log


@pytest.mark.parametrize("mode", ["deferrable", "worker"])
def test_kill_cancels_the_job(stack: Stack, mode: str) -> None:
    """A task marked as failed cancels its job and says so, and its link was there while it ran."""
    dag_id, waiting = f"endless_{mode}", "deferred" if mode == "deferrable" else "running"
    run_id = stack.airflow.trigger(dag_id)
    wait_until(
        lambda: stack.airflow.tasks(dag_id, run_id)["run"]["state"] == waiting, within=60, what="The wait"
    )
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/run"

    def link() -> str | None:
        return stack.airflow.xcom(dag_id, run_id, "run", key="_link_CustomJobLink")

    name = wait_until(lambda: job_behind(stack, link()), within=30, what="The link")
    # Whoever waits has looked at the job: in the second between deferral and trigger nobody hears a kill.
    wait_until(
        lambda: f"Job {name} is JOB_STATE_RUNNING" in log_of(stack, dag_id, run_id, "run"),
        within=60,
        what="The job's start in the task's log",
    )

    stack.airflow.api("PATCH", path, json={"new_state": "failed"})

    wait_until(
        lambda: stack.emulator.job(name)["state"] == "JOB_STATE_CANCELLED",
        within=60,
        what="The job's cancellation",
    )
    wait_until(
        lambda: f"sked the service to cancel job {name}" in log_of(stack, dag_id, run_id, "run"),
        within=30,
        what="The word of it in the task's log",
    )
    assert stack.airflow.tasks(dag_id, run_id)["run"]["state"] == "failed"


def job_behind(stack: Stack, page: str | None) -> str | None:
    """Return the job whose page a link leads to."""
    return next(
        (job["name"] for job in stack.emulator.jobs() if page and job["name"].rpartition("/")[-1] in page),
        None,
    )
