"""Experiments and pipelines of the server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import yaml
from emulator_samples import pipeline_spec
from kfp_client import EPOCH, V1, V2, KfpClient

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_mljobs.emulator.server import Emulator


@pytest.fixture
def package(tmp_path: Path) -> str:
    """Write a compiled pipeline."""
    file = tmp_path / "churn.yaml"
    file.write_text(yaml.safe_dump(pipeline_spec()))
    return str(file)


def test_experiment(emulator: Emulator, kfp: KfpClient) -> None:
    """An experiment is created, seen by both generations, and told of its latest run."""
    created = kfp.experiments.experiment_service_create_experiment(
        experiment={"display_name": "e", "description": "d"}
    )
    old = kfp.get(f"{V1}/experiments/{created.experiment_id}")
    assert (old["name"], old["description"], old["storage_state"]) == ("e", "d", "STORAGESTATE_AVAILABLE")
    path = f"{V2}/experiments/{created.experiment_id}"
    assert kfp.get(path)["last_run_created_at"] == EPOCH
    emulator.clock.advance(5)
    run = kfp.get(f"{V2}/runs/{kfp.create(experiment_id=created.experiment_id)}")
    assert kfp.get(path)["last_run_created_at"] == run["created_at"] > kfp.get(path)["created_at"]


def test_experiment_of_the_older_api(kfp: KfpClient) -> None:
    """The older generation creates experiments by name, and finds them by the same filters."""
    experiment_id = kfp.post(f"{V1}/experiments", {"name": "e"})["id"]
    named = {"predicates": [{"key": "name", "op": "EQUALS", "string_value": "e"}]}
    [found] = kfp.get(f"{V1}/experiments", filter=quote(json.dumps(named)))["experiments"]
    assert found["id"] == experiment_id


def test_names_of_experiments_are_unique(kfp: KfpClient) -> None:
    """A name that is taken is a conflict, an empty one is refused."""
    body = {"display_name": "e"}
    kfp.post(f"{V2}/experiments", body)
    assert [kfp.ask("POST", f"{V2}/experiments", news).status for news in (body, {}, {"nam": "x"})] == [
        409,
        400,
        400,
    ]


def test_experiments_put_away_and_deleted(kfp: KfpClient) -> None:
    """Experiments are archived, listed by that, and deleted without their runs."""
    first, second = (kfp.post(f"{V2}/experiments", {"display_name": name})["experiment_id"] for name in "ab")
    run_id = kfp.create(experiment_id=first)
    kfp.post(f"{V1}/experiments/{first}:archive")
    away = {"predicates": [{"key": "storage_state", "operation": "EQUALS", "string_value": "ARCHIVED"}]}
    page = kfp.experiments.experiment_service_list_experiments(filter=quote(json.dumps(away)))
    assert [item.experiment_id for item in page.experiments] == [first]
    newest = kfp.get(f"{V2}/experiments", sort_by="created_at desc", page_size=1)
    assert (newest["experiments"][0]["experiment_id"], newest["total_size"]) == (second, 2)
    for _ in range(2):
        last = kfp.ask("DELETE", f"{V2}/experiments/{first}")
    assert last.status == 404
    assert kfp.get(f"{V2}/runs/{run_id}")["experiment_id"] == first


def test_upload(kfp: KfpClient, package: str) -> None:
    """An uploaded pipeline has a first version, and is found by its id and its name in both generations."""
    pipeline = kfp.uploads.upload_pipeline(package, name="churn", display_name="Churn", description="d")
    assert kfp.pipelines.pipeline_service_get_pipeline_by_name("churn").pipeline_id == pipeline.pipeline_id
    assert kfp.get(f"{V1}/namespaces/-/pipelines/churn")["id"] == pipeline.pipeline_id
    shown = kfp.get(f"{V2}/pipelines/{pipeline.pipeline_id}")
    assert (shown["name"], shown["display_name"], shown["description"]) == ("churn", "Churn", "d")
    [version] = kfp.get(f"{V2}/pipelines/{pipeline.pipeline_id}/versions")["pipeline_versions"]
    assert version["pipeline_spec"] == pipeline_spec()
    assert kfp.get(f"{V2}/pipelines", page_size=1)["pipelines"] == [shown]


def test_versions(emulator: Emulator, kfp: KfpClient, package: str) -> None:
    """Versions are added, listed the newest first if asked to, and deleted one by one."""
    pipeline_id = kfp.uploads.upload_pipeline(package, name="churn").pipeline_id
    emulator.clock.advance(5)
    newer = kfp.uploads.upload_pipeline_version(package, name="second", pipelineid=pipeline_id)
    page = kfp.pipelines.pipeline_service_list_pipeline_versions(pipeline_id, sort_by="created_at desc")
    assert [version.display_name for version in page.pipeline_versions] == ["second", "churn"]
    old = kfp.get(
        f"{V1}/pipeline_versions", **{"resource_key.type": "PIPELINE", "resource_key.id": pipeline_id}
    )
    assert [version["name"] for version in old["versions"]] == ["churn", "second"]
    assert kfp.get(f"{V1}/pipeline_versions/{newer.pipeline_version_id}")["name"] == "second"
    kfp.pipelines.pipeline_service_delete_pipeline_version(pipeline_id, newer.pipeline_version_id)
    path = f"{V2}/pipelines/{pipeline_id}/versions/{newer.pipeline_version_id}"
    assert kfp.ask("GET", path).status == 404


def test_deleted_pipeline(kfp: KfpClient, tmp_path: Path) -> None:
    """A file of two documents brings a spec for a platform; its version goes with the pipeline."""
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump_all([pipeline_spec(), {"platforms": {"kubernetes": {}}}]))
    pipeline_id = kfp.uploads.upload_pipeline(str(file)).pipeline_id
    assert kfp.get(f"{V2}/pipelines/names/churn")["pipeline_id"] == pipeline_id, "named by its author"
    [version] = kfp.get(f"{V2}/pipelines/{pipeline_id}/versions")["pipeline_versions"]
    assert version["pipeline_spec"] == {
        "pipeline_spec": pipeline_spec(),
        "platform_spec": {"platforms": {"kubernetes": {}}},
    }
    kfp.pipelines.pipeline_service_delete_pipeline(pipeline_id)
    assert kfp.ask("GET", f"{V1}/pipeline_versions/{version['pipeline_version_id']}").status == 404


def test_pipeline_without_a_version(kfp: KfpClient) -> None:
    """A pipeline can be created empty; a run of it is its user's mistake."""
    pipeline_id = kfp.post(f"{V2}/pipelines", {"display_name": "empty"})["pipeline_id"]
    run = {"display_name": "r", "pipeline_version_reference": {"pipeline_id": pipeline_id}}
    assert kfp.ask("POST", f"{V2}/runs", run).status == 500
    assert kfp.ask("POST", f"{V2}/pipelines", {"display_name": "empty"}).status == 409
    assert kfp.ask("POST", f"{V2}/pipelines", {}).status == 400
    kfp.pipelines.pipeline_service_delete_pipeline(pipeline_id)
    assert kfp.ask("GET", f"{V2}/pipelines/{pipeline_id}").status == 404
    assert kfp.ask("GET", f"{V2}/pipelines/names/empty").status == 404


def test_upload_of_nothing(kfp: KfpClient, package: str) -> None:
    """An upload without a file, without a name or to no pipeline is refused."""
    pipeline_id = kfp.uploads.upload_pipeline(package).pipeline_id
    assert kfp.ask("POST", f"{V2}/pipelines/upload").status == 400
    for query, status in (({"pipelineid": pipeline_id}, 400), ({"pipelineid": "nowhere", "name": "v"}, 404)):
        with pytest.raises(Exception, match=r"Failed|failed") as refused:
            kfp.uploads.upload_pipeline_version(package, **query)
        assert getattr(refused.value, "status", 0) == status
