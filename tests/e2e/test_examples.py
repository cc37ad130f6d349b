"""Each example DAG, on a real Airflow, with jobs that really run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.conftest import EXAMPLES, TOGETHER
from e2e.runs import log_of
from stack import Stack


def test_all_services(stack: Stack, ran: Callable[[str], str]) -> None:
    """The run that starts the other examples and waits for them succeeds."""
    assert stack.airflow.run_state(TOGETHER, ran(TOGETHER)) == "success"


@pytest.mark.parametrize("dag_id", [*EXAMPLES, "ml_engine_to_vertex_ai"])
def test_example_dag(stack: Stack, ran: Callable[[str], str], dag_id: str) -> None:
    """An example DAG runs its job for real, deferred, and a downstream task reads what the job made."""
    run_id = ran(dag_id)

    job = stack.airflow.xcom(dag_id, run_id, "run")
    result = stack.airflow.xcom(dag_id, run_id, "report")
    assert stack.airflow.run_state(dag_id, run_id) == "success"
    assert job["status"] == "succeeded"
    assert stack.emulator.job(job["name"])["state"] == job["state"]
    assert result["accuracy"] > 0.8
    log = log_of(stack, dag_id, run_id, "run")
    assert f"Job {job['name']} is {job['state']}" in log, log
