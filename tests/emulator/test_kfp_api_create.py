"""What a run is created from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_samples import pipeline_spec
from kfp_client import V1, V2, WORKFLOW, KfpClient, v1_run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_mljobs.emulator.server import Emulator

SPEC = pipeline_spec()


def _upload(kfp: KfpClient, folder: Path, name: str, *tasks: str) -> Any:
    file = folder / "pipeline.json"
    file.write_text(json.dumps(pipeline_spec(*tasks)))
    return kfp.uploads.upload_pipeline(str(file), name=name)


def _upload_version(kfp: KfpClient, folder: Path, pipeline_id: str, name: str, *tasks: str) -> Any:
    file = folder / "pipeline.json"
    file.write_text(json.dumps(pipeline_spec(*tasks)))
    return kfp.uploads.upload_pipeline_version(str(file), pipelineid=pipeline_id, name=name)


def test_both_spellings(kfp: KfpClient) -> None:
    """Fields may be named in camel case, and a null is no value."""
    body = {
        "displayName": "r",
        "pipelineSpec": SPEC,
        "runtimeConfig": {"pipelineRoot": "gs://b/r"},
        "error": None,
    }
    run = kfp.post(f"{V2}/runs", body)
    assert (run["display_name"], run["runtime_config"]) == ("r", {"pipeline_root": "gs://b/r"})


def test_field_of_a_later_release(emulator: Emulator, kfp: KfpClient) -> None:
    """The fields for plugins are known to the release that brought them, and to none before."""
    run = {"display_name": "r", "pipeline_spec": SPEC, "plugins_input": {"a": {}}}
    emulator.kfp.change({"release": "2.5"})
    assert "plugins_input" in kfp.ask("POST", f"{V2}/runs", run).body["message"]
    emulator.kfp.change({"release": "2.17"})
    assert kfp.post(f"{V2}/runs", run)["display_name"] == "r"


def test_chosen_id(emulator: Emulator, kfp: KfpClient) -> None:
    """A 2.x keeps the id that its client chose, and breaks when it comes again; 1.8 chooses its own."""
    assert kfp.create(run_id="11111111-1111-5111-8111-111111111111") == "11111111-1111-5111-8111-111111111111"
    assert kfp.post(f"{V1}/runs", v1_run(id="mine"))["run"]["id"] == "mine"
    again = kfp.ask("POST", f"{V1}/runs", v1_run(id="mine"))
    assert (again.status, "Duplicate entry" in again.body["message"]) == (500, True)
    emulator.kfp.change({"release": "1.8"})
    assert kfp.post(f"{V1}/runs", v1_run(id="mine"))["run"]["id"] != "mine"


def test_argo_workflow(emulator: Emulator, kfp: KfpClient) -> None:
    """An Argo workflow is accepted with its parameters, and shown by both generations."""
    spec = {"workflow_manifest": json.dumps(WORKFLOW), "parameters": [{"name": "rows", "value": "5"}]}
    run = kfp.post(f"{V1}/runs", v1_run(pipeline_spec=spec))["run"]
    assert json.loads(run["pipeline_spec"]["workflow_manifest"]) == WORKFLOW
    assert run["pipeline_spec"]["parameters"] == [{"name": "rows", "value": "5"}]
    emulator.clock.advance(101)
    shown = kfp.get(f"{V2}/runs/{run['id']}")
    assert (shown["state"], shown["pipeline_spec"]) == ("SUCCEEDED", WORKFLOW)
    assert shown["runtime_config"]["parameters"] == {"rows": "5"}


def test_compiled_pipeline_in_the_older_api(kfp: KfpClient) -> None:
    """The older generation takes a pipeline compiled by kfp 2, in YAML, with values of any type."""
    spec = pipeline_spec(rate={"parameterType": "NUMBER_DOUBLE"})
    source = {"pipeline_manifest": json.dumps(spec), "runtime_config": {"parameters": {"rate": 0.5}}}
    run_id = kfp.post(f"{V1}/runs", v1_run(pipeline_spec=source))["run"]["id"]
    run = kfp.runs.run_service_get_run(run_id)
    assert (run.pipeline_spec, run.runtime_config.parameters) == (spec, {"rate": 0.5})


def test_platform(emulator: Emulator, kfp: KfpClient) -> None:
    """A spec that comes with one for a platform is run, and shown as it came."""
    both = {"pipeline_spec": SPEC, "platform_spec": {"platforms": {"kubernetes": {}}}}
    run_id = kfp.create(pipeline_spec=both)
    emulator.clock.advance(101)
    run = kfp.runs.run_service_get_run(run_id)
    assert run.pipeline_spec == both
    assert [task.display_name for task in run.run_details.task_details] == ["prepare", "train", "evaluate"]


def test_pipeline_of_the_server(emulator: Emulator, kfp: KfpClient, tmp_path: Path) -> None:
    """A run is made of a version, or of the newest version of a pipeline, and refers to it."""
    pipeline = _upload(kfp, tmp_path, "churn", "first")
    version = _upload_version(kfp, tmp_path, pipeline.pipeline_id, "second", "other")
    [one, _] = kfp.pipelines.pipeline_service_list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    exact = kfp.create(pipeline_version_reference={"pipeline_version_id": one.pipeline_version_id})
    newest = kfp.create(pipeline_version_reference={"pipeline_id": pipeline.pipeline_id})
    emulator.clock.advance(101)
    runs = [kfp.get(f"{V2}/runs/{run_id}") for run_id in (exact, newest)]
    assert [run["pipeline_version_reference"]["pipeline_version_id"] for run in runs] == [
        one.pipeline_version_id,
        version.pipeline_version_id,
    ]
    assert [run["run_details"]["task_details"][0]["display_name"] for run in runs] == ["first", "other"]
    assert all("pipeline_spec" not in run for run in runs)


@pytest.mark.parametrize("release", ["1.8", "2.17"])
def test_pipeline_of_the_server_in_the_older_api(
    emulator: Emulator, kfp: KfpClient, tmp_path: Path, release: str
) -> None:
    """The older generation names a version by reference, or a pipeline by its id."""
    pipeline = _upload(kfp, tmp_path, "churn")
    [version] = kfp.pipelines.pipeline_service_list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    emulator.kfp.change({"release": release})
    by_version = kfp.post(f"{V1}/runs", v1_run(version=version.pipeline_version_id))["run"]
    by_pipeline = kfp.post(f"{V1}/runs", v1_run(pipeline_spec={"pipeline_id": pipeline.pipeline_id}))["run"]
    for run in (by_version, by_pipeline):
        creators = [ref["key"] for ref in run["resource_references"] if ref["relationship"] == "CREATOR"]
        assert creators == [{"type": "PIPELINE_VERSION", "id": version.pipeline_version_id}]
        assert run["pipeline_spec"]["pipeline_id"] == pipeline.pipeline_id


def test_default_experiment(kfp: KfpClient) -> None:
    """Runs that name no experiment share one that the server makes."""
    first, second = (kfp.get(f"{V2}/runs/{kfp.create()}")["experiment_id"] for _ in range(2))
    assert first == second
    assert kfp.get(f"{V2}/experiments/{first}")["display_name"] == "Default"
