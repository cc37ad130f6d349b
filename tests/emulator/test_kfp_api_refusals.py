"""What the server refuses, and how: nothing here creates a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from emulator_samples import pipeline_spec
from kfp_client import V1, V2, WORKFLOW, KfpClient, connected, v1_run

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = pipeline_spec()
NEEDY = pipeline_spec(rate={"parameterType": "NUMBER_DOUBLE"})
ELSEWHERE = {"pipeline_id": "nowhere", "pipeline_version_id": "nowhere"}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run one emulator for all tests here."""
    with Emulator(data=tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="module")
def kfp(emulator: Emulator) -> Iterator[KfpClient]:
    """Open the official client."""
    with connected(emulator) as client:
        yield client


def _refused(emulator: Emulator, kfp: KfpClient, path: str, body: Any) -> tuple[int, int, str]:
    answer = kfp.ask("POST", path, body)
    assert kfp.get(f"{path.split('/')[0]}/runs") == {}, "nothing was created"
    assert emulator.store.active() == []
    return answer.status, answer.body["code"], answer.body["message"]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"pipeline_spec": SPEC}, "name is empty"),
        ({"display_name": "r"}, "pipeline version is required"),
        ({"display_name": "r", "pipeline_spec": {"no": "pipeline"}}, "unknown template format"),
        ({"display_name": "r", "pipeline_spec": {**SPEC, "root": {}}}, "pipeline_spec.root"),
        ({"display_name": "r", "pipeline_spec": NEEDY}, "neither a value nor a default"),
        (
            {"display_name": "r", "pipeline_spec": NEEDY, "runtime_config": {"parameters": {"rate": "x"}}},
            "not of type NUMBER_DOUBLE",
        ),
        (
            {"display_name": "r", "pipeline_spec": SPEC, "runtime_config": {"parameters": {"no": 1}}},
            "not an input parameter",
        ),
        ({"display_name": "r", "pipeline_version_reference": ELSEWHERE}, "PipelineVersion nowhere not found"),
        (
            {"display_name": "r", "pipeline_version_reference": {"pipeline_id": "nowhere"}},
            "nowhere not found",
        ),
    ],
)
def test_mistakes_are_internal_errors(
    emulator: Emulator, kfp: KfpClient, run: dict[str, Any], reason: str
) -> None:
    """A server of 2.x answers a user's mistake in a run by 500, as if it were its own."""
    emulator.kfp.change({"release": "2.17"})
    status, code, message = _refused(emulator, kfp, f"{V2}/runs", run)
    assert (status, code) == (500, 13)
    assert reason in message


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (v1_run(name=""), "name is empty"),
        ({"name": "r"}, "pipeline version is required"),
        (v1_run(pipeline_spec={"workflow_manifest": "kind: ["}), "not YAML"),
        (v1_run(version="nowhere"), "PipelineVersion nowhere not found"),
        (
            v1_run(
                pipeline_spec={
                    "workflow_manifest": json.dumps(WORKFLOW),
                    "parameters": [{"name": "long", "value": "x" * 10_000}],
                }
            ),
            "exceed maximum size of 10000",
        ),
    ],
)
@pytest.mark.parametrize(("release", "status"), [("1.8", 400), ("2.5", 500), ("2.17", 500)])
def test_mistakes_in_the_older_api(
    emulator: Emulator, kfp: KfpClient, run: dict[str, Any], reason: str, release: str, status: int
) -> None:
    """A server of 1.8 says that the user is wrong; later ones take the blame in v1beta1 too."""
    emulator.kfp.change({"release": release})
    found, _, message = _refused(emulator, kfp, f"{V1}/runs", run)
    assert found == status
    assert reason in message


@pytest.mark.parametrize(
    ("path", "run", "reason"),
    [
        (V2, {"display_name": "r", "pipeline_spec": SPEC, "labels": {}}, 'unknown field "labels"'),
        (V2, {"display_name": "r", "pipeline_spec": SPEC, "runtime_config": {"params": {}}}, '"params"'),
        (V2, {"display_name": 1, "pipeline_spec": SPEC}, "string field display_name"),
        (V2, {"display_name": "r", "pipeline_spec": "text"}, "Struct field pipeline_spec"),
        (V2, {"display_name": "r", "pipeline_spec": SPEC, "pipeline_version_reference": ELSEWHERE}, "oneof"),
        (V2, {"display_name": "r", "experiment_id": "nowhere", "pipeline_spec": SPEC}, "nowhere not found"),
        (V2, {"display_name": "r", "pipeline_spec": {"rate": float("nan")}}, "Invalid JSON"),
        (V2, ["r"], "message field Run"),
        (V1, v1_run() | {"display_name": "r"}, 'unknown field "display_name"'),
        (V1, v1_run(resource_references=[{"relationship": "FRIEND"}]), "enum field"),
        (V1, v1_run(resource_references={}), "repeated field"),
        (V1, v1_run(pipeline_spec={"workflow_manifest": "{}", "pipeline_id": "p"}), "not both"),
    ],
)
def test_requests_that_no_server_reads(
    emulator: Emulator, kfp: KfpClient, path: str, run: Any, reason: str
) -> None:
    """What the gateway cannot read is a bad request, and an experiment that is not there is not found."""
    emulator.kfp.change({"release": "2.17"})
    status, _, message = _refused(emulator, kfp, f"{path}/runs", run)
    assert status == (404 if "not found" in reason else 400)
    assert reason in message


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "v1beta1/runs/{}"),
        ("GET", "v2beta1/runs/{}"),
        ("DELETE", "v1beta1/runs/{}"),
        ("DELETE", "v2beta1/runs/{}"),
        ("POST", "v1beta1/runs/{}/terminate"),
        ("POST", "v2beta1/runs/{}:terminate"),
        ("POST", "v1beta1/runs/{}/retry"),
        ("POST", "v2beta1/runs/{}:retry"),
        ("POST", "v1beta1/runs/{}:archive"),
        ("POST", "v2beta1/runs/{}:archive"),
        ("POST", "v1beta1/runs/{}:unarchive"),
        ("POST", "v2beta1/runs/{}:unarchive"),
        ("POST", "v1beta1/runs/{}:reportMetrics"),
        ("GET", "v1beta1/runs/{}/nodes/n/artifacts/main-logs:read"),
        ("GET", "v2beta1/runs/{}/nodes/n/artifacts/main-logs:read"),
    ],
)
def test_missing_run(emulator: Emulator, kfp: KfpClient, verb: str, path: str) -> None:
    """Each call about a run that is not there is answered by 404."""
    emulator.kfp.change({"release": "2.17"})
    answer = kfp.ask(verb, path.format("no-such-run"))
    assert answer.status == 404
    assert "no-such-run" in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("release", "fields"),
    [
        ("1.8", {"error", "code", "message", "details"}),
        ("2.5", {"error", "code", "message", "details"}),
        ("2.17", {"code", "message", "details"}),
    ],
)
@pytest.mark.parametrize("path", [f"{V1}/runs/nowhere", f"{V1}/nowhere", "nowhere"])
def test_errors(emulator: Emulator, kfp: KfpClient, release: str, fields: set[str], path: str) -> None:
    """Errors have the form of the release's gateway, for paths that do not exist as well."""
    emulator.kfp.change({"release": release})
    answer = kfp.ask("GET", path)
    assert (answer.status, set(answer.body), answer.body["code"]) == (404, fields, 5)


@pytest.mark.parametrize(
    "content", ["{", "- a list", "", "no: pipeline", json.dumps({**WORKFLOW, "kind": "Pod"})]
)
def test_upload_of_something_else(kfp: KfpClient, tmp_path: Path, content: str) -> None:
    """A file that is no pipeline is refused, and so is one without a name for a further version."""
    file = tmp_path / "file.yaml"
    file.write_text(content)
    with pytest.raises(Exception, match="Failed to upload a pipeline") as refused:
        kfp.uploads.upload_pipeline(str(file), name="x")
    assert getattr(refused.value, "status", 0) == 400


@pytest.mark.parametrize("path", ["pipelines/create", "pipelines/some/versions"])
def test_nothing_is_downloaded(kfp: KfpClient, path: str) -> None:
    """A pipeline cannot be had from an address, and the answer says what to do."""
    body: dict[str, Any] = {"package_url": {"pipeline_url": "https://example.com/p.yaml"}}
    answer = kfp.ask("POST", f"{V2}/{path}", body)
    assert (answer.status, "pipelines/upload" in answer.body["message"]) == (501, True)


@pytest.mark.parametrize("news", ['{"realease": "2.5"}', '{"release": "3.0"}', "{", "[1]"])
def test_senseless_setting(emulator: Emulator, news: str) -> None:
    """The control plane refuses settings that it does not have, and changes nothing."""
    control = f"{emulator.http_url}/_emulator/kfp"
    before = requests.get(control, timeout=5).json()
    refused = requests.post(control, data=news, timeout=5)
    assert (refused.status_code, "error" in refused.json()) == (400, True)
    assert requests.get(control, timeout=5).json() == before
