"""What a run leaves with the server, and what a test lets go wrong on the way."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import kfp_server_api
import pytest
from kfp_client import V1, V2, KfpClient, v1_run

if TYPE_CHECKING:
    from airflow_mljobs.emulator.server import Emulator


def test_metrics(kfp: KfpClient) -> None:
    """Metrics are judged one by one, the first report of each counts, and only v1beta1 shows them."""
    run_id = kfp.create()
    good = {"name": "accuracy", "node_id": "train", "number_value": 0.9, "format": "PERCENTAGE"}
    zero = {"name": "loss", "node_id": "train", "number_value": 0}
    news = [good, zero, good | {"number_value": 0.1}, good | {"name": "-bad"}, good | {"node_id": "n" * 129}]
    results = kfp.post(f"{V1}/runs/{run_id}:reportMetrics", {"metrics": news})["results"]
    assert [result["status"] for result in results] == [
        "OK",
        "OK",
        "DUPLICATE_REPORTING",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
    ]
    assert kfp.get(f"{V1}/runs/{run_id}")["run"]["metrics"] == [good, zero]
    assert "accuracy" not in json.dumps(kfp.get(f"{V2}/runs/{run_id}"))
    assert kfp.ask("POST", f"{V2}/runs/{run_id}:reportMetrics", {"metrics": news}).status == 404


@pytest.mark.parametrize("body", [{"metric": []}, {"metrics": {}}, {"metrics": [{"number_value": "much"}]}])
def test_senseless_report(kfp: KfpClient, body: dict[str, Any]) -> None:
    """A report that cannot be read is refused whole."""
    run_id = kfp.create()
    assert kfp.ask("POST", f"{V1}/runs/{run_id}:reportMetrics", body).status == 400
    assert "metrics" not in kfp.get(f"{V1}/runs/{run_id}")["run"]


@pytest.mark.parametrize("api", [V1, V2])
def test_artifact_of_an_argo_run(emulator: Emulator, kfp: KfpClient, api: str) -> None:
    """The output of a step of an Argo workflow can be read once it is over."""
    run_id = kfp.post(f"{V1}/runs", v1_run())["run"]["id"]
    emulator.clock.advance(101)
    workflow = json.loads(kfp.get(f"{V1}/runs/{run_id}")["pipeline_runtime"]["workflow_manifest"])
    [(node, shown)] = workflow["status"]["nodes"].items()
    assert shown["outputs"] == {"artifacts": [{"name": "main-logs"}]}
    data = kfp.get(f"{api}/runs/{run_id}/nodes/{node}/artifacts/main-logs:read")["data"]
    assert base64.b64decode(data) == b"Simulated output of step: Succeeded\n"


def test_artifact_of_a_compiled_run(emulator: Emulator, kfp: KfpClient) -> None:
    """What a pipeline compiled by kfp 2 leaves is never found through the server."""
    run_id = kfp.create()
    emulator.clock.advance(101)
    [node, *_] = json.loads(kfp.get(f"{V1}/runs/{run_id}")["pipeline_runtime"]["workflow_manifest"])[
        "status"
    ]["nodes"]
    path = f"runs/{run_id}/nodes/{node}/artifacts/main-logs:read"
    streamed = kfp.ask("GET", f"{V2}/{path}")
    assert (streamed.status, set(streamed.body)) == (404, {"error_message", "error_details"})
    emulator.kfp.change({"release": "2.5"})
    assert kfp.ask("GET", f"{V1}/{path}").body["code"] == 5


def test_faults(emulator: Emulator, kfp: KfpClient) -> None:
    """A fault hits a method of one generation or of both, and a lost answer leaves the run behind."""
    run_id = kfp.create()
    emulator.faults.add(method="v1beta1/GetRun", code="UNAVAILABLE")
    assert kfp.ask("GET", f"{V2}/runs/{run_id}").status == 200
    assert kfp.ask("GET", f"{V1}/runs/{run_id}").status == 503
    emulator.faults.add(method="GetRun", code="UNAUTHENTICATED", message="expired")
    with pytest.raises(kfp_server_api.ApiException) as refused:
        kfp.runs.run_service_get_run(run_id)
    assert (refused.value.status, json.loads(refused.value.body)["message"]) == (401, "expired")
    emulator.faults.add(method="CreateRun", after_commit=True)
    with pytest.raises(Exception, match="IncompleteRead"):
        kfp.create("lost", run_id="chosen")
    assert kfp.runs.run_service_get_run("chosen").display_name == "lost"
    assert (emulator.requests.count("GetRun"), emulator.requests.count("v1beta1/GetRun")) == (4, 1)
