"""Kubeflow Pipelines on a real Airflow, with a server that really runs the pipeline."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.runs import errors_of, finished, log_of
from stack import Stack


def test_example_dag(stack: Stack, ran: Callable[[str], str]) -> None:
    """The example runs its pipeline for real, deferred, and a downstream task reads what it measured."""
    run_id = ran("kubeflow_pipelines")

    job = stack.airflow.xcom("kubeflow_pipelines", run_id, "run")
    result = stack.airflow.xcom("kubeflow_pipelines", run_id, "report")
    assert stack.airflow.run_state("kubeflow_pipelines", run_id) == "success"
    assert (job["status"], stack.emulator.job(job["name"])["state"]) == ("succeeded", "SUCCEEDED")
    assert result["accuracy"] > 0.8
    assert f"Job {job['name']} is SUCCEEDED" in log_of(stack, "kubeflow_pipelines", run_id, "run")


@pytest.mark.parametrize("task_id", ["run", "retry"])
def test_failure(stack: Stack, failed: str, task_id: str) -> None:
    """A failed run tells which of its tasks failed and why, also when it fails again."""
    log = errors_of(stack, "kfp_failure", failed, task_id)

    assert "JobFailed" in log
    assert "Task evaluate failed" in log
    assert "is below the required 1.0" in log


@pytest.fixture(scope="module")
def failed(stack: Stack) -> str:
    """A DAG run whose pipeline failed twice, as one run."""
    return finished(stack, "kfp_failure")
