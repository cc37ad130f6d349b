"""Jobs from files, mapped, and their results in other tasks, on a real Airflow."""

from __future__ import annotations

import json

import pytest

from e2e.runs import finished
from stack import Stack

DAG_ID = "taskflow"


@pytest.fixture(scope="module")
def run_id(stack: Stack) -> str:
    """A run of the DAG, at its end."""
    run_id = finished(stack, DAG_ID)
    states = {name: task["state"] for name, task in stack.airflow.tasks(DAG_ID, run_id).items()}
    assert set(states.values()) == {"success"}, states
    return run_id


def test_results_of_mapped_jobs_are_added_up(stack: Stack, run_id: str) -> None:
    """A job in a file is run once for each set of parameters, and a task is given all results, and names."""
    result = stack.airflow.xcom(DAG_ID, run_id, "add_up")

    assert (result["sum"], result["statuses"]) == (25, ["succeeded"] * 2)
    shown = {stack.emulator.job(name)["display_name"] for name in result["names"]}
    assert shown == {"Square 3", "Square 4"}


def test_one_key_of_a_result_feeds_another_operator(stack: Stack, run_id: str) -> None:
    """The name of a job, taken out of the result by its key, leads another operator to the job."""
    job = stack.airflow.xcom(DAG_ID, run_id, "run")

    assert stack.airflow.xcom(DAG_ID, run_id, "get")["name"] == job["name"]
    # The one that is there from the submission on stays, too.
    assert stack.airflow.xcom(DAG_ID, run_id, "run", key="job_name") == job["name"]


@pytest.mark.parametrize(("task_id", "number"), [("squares[1]", 4), ("run", 2)])
def test_the_rendered_job_is_shown_without_its_secret(
    stack: Stack, run_id: str, task_id: str, number: int
) -> None:
    """Airflow shows the file's content as a mapping, rendered, and stars for what is secret in it."""
    shown = stack.airflow.tasks(DAG_ID, run_id)[task_id]["rendered_fields"]["custom_job"]

    job = json.loads(shown) if isinstance(shown, str) else shown
    (pool,) = job["job_spec"]["worker_pool_specs"]
    assert job["display_name"] == f"Square {number}"
    assert pool["container_spec"]["env"] == [{"name": "DB_PASSWORD", "value": "***"}]
