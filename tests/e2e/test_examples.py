"""Each example DAG, on a real Airflow, with jobs that really run."""

from __future__ import annotations

import pytest

from e2e.runs import finished, log_of
from stack import Stack

TOGETHER = "all_services"


@pytest.fixture(scope="module")
def together(stack: Stack) -> str:
    """A run of the DAG that runs the others, all under one run id."""
    return finished(stack, TOGETHER, within=250)


def test_all_services(stack: Stack, together: str) -> None:
    """The run that starts the other examples and waits for them succeeds."""
    assert stack.airflow.run_state(TOGETHER, together) == "success"


@pytest.mark.parametrize(
    "dag_id",
    [
        "vertex_ai_pipeline",
        "vertex_ai_custom_job",
        "vertex_ai_notebook",
        "ml_engine",
        "kubeflow_pipelines",
        "ml_engine_to_vertex_ai",
    ],
)
def test_example_dag(stack: Stack, together: str, dag_id: str) -> None:
    """An example DAG runs its job for real, deferred, and a downstream task reads what the job made."""
    run_id = finished(stack, dag_id) if dag_id == "ml_engine_to_vertex_ai" else together

    job = stack.airflow.xcom(dag_id, run_id, "run")
    result = stack.airflow.xcom(dag_id, run_id, "report")
    assert stack.airflow.run_state(dag_id, run_id) == "success"
    assert job["status"] == "succeeded"
    assert stack.emulator.job(job["name"])["state"] == job["state"]
    assert result["accuracy"] > 0.8
    log = log_of(stack, dag_id, run_id, "run")
    assert f"Job {job['name']} is {job['state']}" in log, log
