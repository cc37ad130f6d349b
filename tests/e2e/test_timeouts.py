"""What becomes of a job when the time of its task, or of its DAG run, is up, on a real Airflow."""

from __future__ import annotations

import pytest

from e2e.runs import errors_of, job_name_of, log_of
from processes import wait_until
from stack import Stack

MODES = ("deferrable", "worker")


@pytest.fixture(scope="module")
def runs(stack: Stack) -> dict[str, str]:
    """Runs of every kind of timeout, all ended, by their DAG."""
    started = {
        dag_id: stack.airflow.trigger(dag_id)
        for dag_id in (f"{what}_timeout_{mode}" for what in ("task", "run") for mode in MODES)
    }
    for dag_id, run_id in started.items():
        wait_until(
            lambda: stack.airflow.run_state(dag_id, run_id) == "failed",  # noqa: B023
            within=120,
            what=f"The end of {dag_id}",
        )
    return started


@pytest.mark.parametrize("mode", MODES)
def test_a_task_out_of_time_cancels_its_job(stack: Stack, runs: dict[str, str], mode: str) -> None:
    """At its execution timeout, also when deferred, a task cancels its job and fails saying so."""
    dag_id = f"task_timeout_{mode}"
    name = job_name_of(stack, dag_id, runs[dag_id])

    error = errors_of(stack, dag_id, runs[dag_id], "run")

    assert "JobTimeout" in error
    assert f"Asked the service to cancel job {name}" in error
    wait_until(
        lambda: stack.emulator.job(name)["state"] == "JOB_STATE_CANCELLED", within=30, what="The job's end"
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_run_out_of_time_cancels_its_job(stack: Stack, runs: dict[str, str], mode: str) -> None:
    """When a DAG run's time is up, the tasks that it skips cancel their jobs and say so."""
    dag_id = f"run_timeout_{mode}"
    name = job_name_of(stack, dag_id, runs[dag_id])

    wait_until(
        lambda: stack.emulator.job(name)["state"] == "JOB_STATE_CANCELLED", within=60, what="The job's end"
    )
    wait_until(
        lambda: f"sked the service to cancel job {name}" in log_of(stack, dag_id, runs[dag_id], "run"),
        within=30,
        what="The word of it in the task's log",
    )
    assert stack.airflow.tasks(dag_id, runs[dag_id])["run"]["state"] == "skipped"
