"""The life of a run, as both generations of the API tell it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from emulator_samples import pipeline_spec
from kfp_client import EPOCH, V1, V2, connected

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from kfp_client import KfpClient


def _states(kfp: KfpClient, run_id: str) -> list[str]:
    return [entry["state"] for entry in kfp.get(f"{V2}/runs/{run_id}")["state_history"]]


def test_life(emulator: Emulator, kfp: KfpClient) -> None:
    """A run goes from PENDING through RUNNING to SUCCEEDED, and the official models read each answer."""
    run_id = kfp.create()
    seen = [kfp.runs.run_service_get_run(run_id).state]
    for _ in range(2):
        emulator.clock.advance(55)
        seen.append(kfp.runs.run_service_get_run(run_id).state)
    assert seen == ["PENDING", "RUNNING", "SUCCEEDED"] == _states(kfp, run_id)


def test_one_run_in_two_generations(emulator: Emulator, kfp: KfpClient) -> None:
    """A run created by one generation is the same run, in other words, for the other."""
    run_id = kfp.create(description="both", runtime_config={"parameters": {}, "pipeline_root": "gs://b/r"})
    emulator.clock.advance(20)
    new, old = kfp.get(f"{V2}/runs/{run_id}"), kfp.get(f"{V1}/runs/{run_id}")["run"]
    assert (old["id"], old["name"], old["description"]) == (run_id, "train", "both")
    assert (new["state"], old["status"]) == ("RUNNING", "Running")
    assert (new["storage_state"], old["storage_state"]) == ("AVAILABLE", "STORAGESTATE_AVAILABLE")
    assert old["pipeline_spec"]["runtime_config"] == {"pipeline_root": "gs://b/r"} == new["runtime_config"]
    assert json.loads(old["pipeline_spec"]["pipeline_manifest"]) == new["pipeline_spec"] == pipeline_spec()
    assert old["resource_references"] == [
        {"key": {"type": "EXPERIMENT", "id": new["experiment_id"]}, "relationship": "OWNER"}
    ]
    assert new["service_account"] == old["service_account"] == "pipeline-runner"


def test_unfinished_run_finished_at_the_epoch(emulator: Emulator, kfp: KfpClient) -> None:
    """The end of a run that has none is the epoch, and fields without a value are left out."""
    run_id = kfp.create()
    run = kfp.get(f"{V2}/runs/{run_id}")
    assert run["finished_at"] == kfp.get(f"{V1}/runs/{run_id}")["run"]["finished_at"] == EPOCH
    assert {"description", "error", "run_details", "runtime_config", "recurring_run_id"}.isdisjoint(run)
    emulator.clock.advance(101)
    assert kfp.get(f"{V2}/runs/{run_id}")["finished_at"] > run["created_at"]


def test_tasks(emulator: Emulator, kfp: KfpClient) -> None:
    """The tasks appear as they begin, and a failed one says why; the run itself leaves it to them."""
    run_id = kfp.create(description="emulator-outcome=failed emulator-task=train emulator-seconds=10")
    emulator.clock.advance(2)
    [task] = kfp.runs.run_service_get_run(run_id).run_details.task_details
    assert (task.display_name, task.state, task.run_id) == ("prepare", "RUNNING", run_id)
    emulator.clock.advance(10)
    run = kfp.runs.run_service_get_run(run_id)
    tasks = [
        (task.display_name, task.state, task.error and task.error.message)
        for task in run.run_details.task_details
    ]
    assert tasks == [("prepare", "SUCCEEDED", None), ("train", "FAILED", "main: Error (exit code 1)")]
    assert (run.state, run.error) == ("FAILED", None)


def test_workflow(emulator: Emulator, kfp: KfpClient) -> None:
    """The older generation shows what happened inside a run as an Argo workflow, in a get only."""
    run_id = kfp.create(description="emulator-outcome=failed")
    emulator.clock.advance(101)
    detail = kfp.get(f"{V1}/runs/{run_id}")
    workflow = json.loads(detail["pipeline_runtime"]["workflow_manifest"])
    nodes = {node["displayName"]: node["phase"] for node in workflow["status"]["nodes"].values()}
    assert nodes == {"prepare": "Succeeded", "train": "Succeeded", "evaluate": "Failed"}
    assert workflow["status"]["message"] == "evaluate: main: Error (exit code 1)"
    [listed] = kfp.get(f"{V1}/runs")["runs"]
    assert listed == detail["run"]


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "by hand, emulator-outcome=failed"},
        {"display_name": "emulator-outcome=failed"},
        {"runtime_config": {"parameters": {"note": "emulator-outcome=failed"}}},
    ],
    ids=["description", "name", "parameter"],
)
def test_script(emulator: Emulator, kfp: KfpClient, fields: dict[str, Any]) -> None:
    """What is to become of a simulated run stands in its description, its name or a parameter."""
    spec = pipeline_spec(note={"parameterType": "STRING", "isOptional": True})
    run_id = kfp.create(**{"pipeline_spec": spec, **fields})
    emulator.clock.advance(101)
    assert kfp.runs.run_service_get_run(run_id).state == "FAILED"


@pytest.mark.parametrize("path", [f"{V1}/runs/{{}}/terminate", f"{V2}/runs/{{}}:terminate"], ids=[V1, V2])
def test_terminate(emulator: Emulator, kfp: KfpClient, path: str) -> None:
    """A terminated run is CANCELING, ends FAILED and never CANCELED, and cannot be terminated again."""
    run_id = kfp.create()
    emulator.clock.advance(20)
    assert kfp.post(path.format(run_id)) == {}
    assert kfp.get(f"{V1}/runs/{run_id}")["run"]["status"] == "Terminating"
    again = kfp.ask("POST", path.format(run_id))
    assert (again.status, "Row not found" in again.body["message"]) == (400, True)
    emulator.clock.advance(1)
    assert _states(kfp, run_id) == ["PENDING", "RUNNING", "CANCELING", "FAILED"]
    assert kfp.get(f"{V1}/runs/{run_id}")["run"]["status"] == "Failed"
    [task] = kfp.get(f"{V2}/runs/{run_id}")["run_details"]["task_details"]
    assert (task["state"], task["error"]["message"]) == ("FAILED", "The task was stopped.")
    assert kfp.ask("POST", path.format(run_id)).status == 400


@pytest.mark.parametrize("path", [f"{V1}/runs/{{}}/retry", f"{V2}/runs/{{}}:retry"], ids=[V1, V2])
def test_retry(emulator: Emulator, kfp: KfpClient, path: str) -> None:
    """A retried run is the same run, running again at once with no end; what succeeded stays so."""
    run_id = kfp.create(description="emulator-outcome=failed,succeeded emulator-task=train")
    active = kfp.ask("POST", path.format(run_id))
    assert (active.status, active.body["code"]) == (409, 10)
    emulator.clock.advance(101)
    assert kfp.post(path.format(run_id)) == {}
    run = kfp.get(f"{V2}/runs/{run_id}")
    assert (run["state"], run["finished_at"]) == ("RUNNING", EPOCH)
    tasks = {task["display_name"]: task["state"] for task in run["run_details"]["task_details"]}
    assert tasks == {"prepare": "SUCCEEDED", "train": "PENDING"}
    emulator.clock.advance(101)
    assert _states(kfp, run_id) == ["PENDING", "RUNNING", "FAILED", "RUNNING", "SUCCEEDED"]
    tasks = {
        task["display_name"]: task for task in kfp.get(f"{V2}/runs/{run_id}")["run_details"]["task_details"]
    }
    assert all(task["state"] == "SUCCEEDED" and "error" not in task for task in tasks.values())
    assert kfp.ask("POST", path.format(run_id)).status == 409


def test_retry_of_a_terminated_run(emulator: Emulator, kfp: KfpClient) -> None:
    """A terminated run has failed, so it can be retried."""
    run_id = kfp.create()
    kfp.runs.run_service_terminate_run(run_id)
    emulator.clock.advance(1)
    kfp.runs.run_service_retry_run(run_id)
    emulator.clock.advance(101)
    assert kfp.runs.run_service_get_run(run_id).state == "SUCCEEDED"


def test_archive(emulator: Emulator, kfp: KfpClient) -> None:
    """Archiving a run, which may be repeated, does not stop it, and leaves its end as it was."""
    run_id = kfp.create()
    for _ in range(2):
        kfp.runs.run_service_archive_run(run_id)
    assert kfp.get(f"{V1}/runs/{run_id}")["run"]["storage_state"] == "STORAGESTATE_ARCHIVED"
    emulator.clock.advance(101)
    run = kfp.runs.run_service_get_run(run_id)
    assert (run.state, run.storage_state) == ("SUCCEEDED", "ARCHIVED")
    emulator.clock.advance(50)
    kfp.post(f"{V1}/runs/{run_id}:unarchive")
    back = kfp.runs.run_service_get_run(run_id)
    assert (back.storage_state, back.finished_at) == ("AVAILABLE", run.finished_at)


def test_unarchive_in_an_archived_experiment(kfp: KfpClient) -> None:
    """Archiving an experiment archives its runs, none of which comes back before it."""
    run_id = kfp.create()
    experiment_id = kfp.get(f"{V2}/runs/{run_id}")["experiment_id"]
    kfp.experiments.experiment_service_archive_experiment(experiment_id)
    assert kfp.get(f"{V2}/runs/{run_id}")["storage_state"] == "ARCHIVED"
    refused = kfp.ask("POST", f"{V2}/runs/{run_id}:unarchive")
    assert (refused.status, refused.body["code"]) == (400, 9)
    kfp.experiments.experiment_service_unarchive_experiment(experiment_id)
    kfp.runs.run_service_unarchive_run(run_id)


@pytest.mark.parametrize("api", [V1, V2])
def test_delete(emulator: Emulator, kfp: KfpClient, api: str) -> None:
    """A run is deleted in any state, for good."""
    run_id = kfp.create()
    emulator.clock.advance(20)
    assert kfp.ask("DELETE", f"{api}/runs/{run_id}")[:2] == (200, {})
    emulator.clock.advance(101)
    assert kfp.ask("GET", f"{api}/runs/{run_id}").status == 404
    assert kfp.get(f"{V2}/runs") == {}


def test_page(emulator: Emulator, kfp: KfpClient) -> None:
    """The console shows a run and its tasks, and follows the links of both forms of the UI to its page."""
    run_id = kfp.create("shown")
    emulator.clock.advance(45)
    for place in ("/", "/_/pipeline/?ns=team"):
        page = requests.get(emulator.http_url + place, timeout=5).text
        assert 'train: <span class="running">RUNNING</span>' in page
        # What follows the sign of the fragment is asked for next: no server ever sees a fragment.
        assert "location.replace(page[1])" in page
    page = requests.get(f"{emulator.http_url}/runs/details/{run_id}", timeout=5).text
    assert f"&quot;run_id&quot;: &quot;{run_id}&quot;" in page


def test_restart(tmp_path: Path) -> None:
    """Runs, experiments and pipelines outlive the emulator that took them."""
    with Emulator(data=tmp_path, seconds=100) as emulator, connected(emulator) as kfp:
        run_id = kfp.create(
            experiment_id=kfp.post(f"{V2}/experiments", {"display_name": "e"})["experiment_id"]
        )
        before = kfp.get(f"{V2}/runs/{run_id}")
    with Emulator(data=tmp_path) as emulator, connected(emulator) as kfp:
        assert kfp.get(f"{V2}/runs/{run_id}") == before
        assert kfp.get(f"{V2}/experiments/{before['experiment_id']}")["display_name"] == "e"
        emulator.clock.advance(101)
        assert kfp.runs.run_service_get_run(run_id).state == "SUCCEEDED"
