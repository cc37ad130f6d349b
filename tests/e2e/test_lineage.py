"""What jobs leave for the DAGs that are scheduled on their assets, and for OpenLineage, on a real Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from processes import wait_until
from stack import Stack

OUTPUTS = {
    "vertex_ai_pipeline.run": "pipelines/{run_id}",
    "vertex_ai_custom_job.run": "training/{run_id}",
    "vertex_ai_notebook.run": "notebooks/{run_id}/{job_id}",
    "ml_engine.run": "ml-engine/{run_id}",
    "ml_engine.predict": "ml-engine/{run_id}/predictions",
    "kubeflow_pipelines.run": "kubeflow/{run_id}",
}
"""Where in their bucket the tasks of the examples write to."""


def events_of(openlineage: Path, name: str) -> dict[str, dict[str, Any]]:
    """Return a task's last event of each type; the name is that of its DAG and its own."""
    events = [json.loads(path.read_text()) for path in sorted(openlineage.iterdir())]
    return {event["eventType"]: event for event in events if event["job"]["name"] == name}


def datasets(event: dict[str, Any], side: str) -> list[tuple[str, str]]:
    """Return the names of the datasets on one side of an event."""
    return [(dataset["namespace"], dataset["name"]) for dataset in event[side]]


@pytest.mark.parametrize("name", OUTPUTS)
def test_openlineage_is_told_of_a_success(
    stack: Stack, ran: Callable[[str], str], openlineage: Path, name: str
) -> None:
    """OpenLineage's event of each service's example names the job that ran, and where it wrote to."""
    dag_id, _, task_id = name.partition(".")
    run_id = ran(dag_id)
    job = stack.airflow.xcom(dag_id, run_id, task_id)

    events = events_of(openlineage, name)

    facet = events["COMPLETE"]["run"]["facets"]["mljobs_job"]
    assert {key: facet.get(key) for key in ("name", "state", "url", "ended")}.items() <= job.items()
    path = OUTPUTS[name].format(run_id=run_id, job_id=job["name"].rpartition("/")[-1])
    assert datasets(events["COMPLETE"], "outputs") == [("gs://mljobs-example", path)]
    assert "mljobs_job" not in events["START"]["run"]["facets"]


def test_openlineage_is_told_of_inputs(ran: Callable[[str], str], openlineage: Path) -> None:
    """What one task writes and another reads has one name in OpenLineage, which is how it joins the two."""
    run_id = ran("ml_engine")

    event = events_of(openlineage, "ml_engine.predict")["COMPLETE"]

    folder = f"ml-engine/{run_id}"
    assert datasets(event, "inputs") == [
        ("gs://mljobs-example", f"{folder}/model"),
        ("gs://mljobs-example", f"{folder}/rows.json"),
    ]


@pytest.mark.parametrize("task_id", ["custom_job_deferrable", "custom_job_worker", "pipeline", "notebook"])
def test_openlineage_is_told_of_a_failure(
    stack: Stack, ran: Callable[[str], str], openlineage: Path, task_id: str
) -> None:
    """OpenLineage's event of a failed task names its job, which failed too."""
    run_id = ran("failures")

    facets = events_of(openlineage, f"failures.{task_id}")["FAIL"]["run"]["facets"]

    name = stack.airflow.xcom("failures", run_id, task_id, key="job_name")
    assert (facets["mljobs_job"]["name"], facets["mljobs_job"]["status"]) == (name, "failed")
    assert facets["externalQuery"]["externalQueryId"] == name
    assert "JobFailed" in facets["errorMessage"]["stackTrace"]


@pytest.mark.parametrize("mode", ["deferrable", "worker"])
def test_assets(stack: Stack, ran: Callable[[str], str], openlineage: Path, mode: str) -> None:
    """An asset's event and an alias's tell of the job and its output, and no event of a secret."""
    run_id = ran("lineage")
    job = stack.airflow.xcom("lineage", run_id, mode)
    output = f"gs://mljobs-e2e/{run_id}/{mode}"

    source = {"source_dag_id": "lineage", "source_task_id": mode, "source_run_id": run_id}
    found = stack.airflow.api("GET", "assets/events", params=source)["asset_events"]
    events = {event["uri"]: event for event in found}

    assert events.keys() == {f"model_{mode}", output}
    for event in events.values():
        assert event["extra"] == {"job": job, "inputs": [], "outputs": [output]}
    assert datasets(events_of(openlineage, f"lineage.{mode}")["COMPLETE"], "outputs") == [
        ("gs://mljobs-e2e", f"{run_id}/{mode}")
    ]
    assert "hunter2" not in "".join(path.read_text() for path in openlineage.iterdir())


def test_a_dag_is_scheduled_on_an_asset(stack: Stack, ran: Callable[[str], str]) -> None:
    """The example that is scheduled on a training's asset reads in its event what was trained, and where."""
    job = stack.airflow.xcom("vertex_ai_custom_job", ran("vertex_ai_custom_job"), "run")

    def report() -> Any:
        runs = stack.airflow.api("GET", "dags/check_new_model/dagRuns")["dag_runs"]
        found = [stack.airflow.xcom("check_new_model", run["dag_run_id"], "report") for run in runs]
        return next((each for each in found if each and each["job"] == job["name"]), None)

    result = wait_until(report, within=60, what="The run of the DAG that is scheduled on the asset")

    assert result["state"] == job["state"]
    assert result["accuracy"] > 0.8
