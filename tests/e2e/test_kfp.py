"""Kubeflow Pipelines on a real Airflow, with a server that really runs the pipeline."""

from __future__ import annotations

import pytest

from e2e.runs import errors_of, finished
from stack import Stack


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
