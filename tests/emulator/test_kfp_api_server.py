"""Which server is emulated: its release, its users, and the proxy in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from emulator_samples import pipeline_spec
from kfp_client import V1, V2, KfpClient, v1_run

if TYPE_CHECKING:
    from airflow_mljobs.emulator.server import Emulator

RUN = {"display_name": "r", "pipeline_spec": pipeline_spec("only")}
Request = tuple[str, str, Any, dict[str, str]]
GRANTS = {"ann": {"team": ["*"]}, "ben": {"team": ["get", "list"]}}


def _as(kfp: KfpClient, user: str) -> KfpClient:
    kfp.api.set_default_header("kubeflow-userid", user)
    return kfp


@pytest.fixture
def team(emulator: Emulator, kfp: KfpClient) -> str:
    """Let users in, one of whom has an experiment, the id of which is returned."""
    emulator.kfp.change({"multi_user": True, "grants": GRANTS})
    body = {"display_name": "e", "namespace": "team"}
    return str(_as(kfp, "ann").post(f"{V2}/experiments", body)["experiment_id"])


def test_health(emulator: Emulator, kfp: KfpClient) -> None:
    """The health check tells the release, and who may use it; what is false is left out."""
    assert kfp.get(f"{V2}/healthz") == {"commit_sha": "0" * 40, "tag_name": "2.17.0"}
    emulator.kfp.change({"multi_user": True, "release": "2.5"})
    assert kfp.get(f"{V1}/healthz")["tag_name"] == "2.5.0"
    assert kfp.health.healthz_service_get_healthz().multi_user is True


def test_generations(emulator: Emulator, kfp: KfpClient) -> None:
    """A server of 1.8 knows nothing of v2beta1, and later ones serve both generations."""
    emulator.kfp.change({"release": "1.8"})
    assert [kfp.ask("GET", f"{api}/healthz").status for api in (V1, V2)] == [200, 404]
    emulator.kfp.change({"release": "2.5"})
    assert [kfp.ask("GET", f"{api}/healthz").status for api in (V1, V2)] == [200, 200]


def test_old_server_has_no_status_at_first(emulator: Emulator, kfp: KfpClient) -> None:
    """A server of 1.8 shows no status until the workflow is heard of."""
    emulator.kfp.change({"release": "1.8"})
    run_id = kfp.post(f"{V1}/runs", v1_run())["run"]["id"]
    assert "status" not in kfp.get(f"{V1}/runs/{run_id}")["run"]
    emulator.clock.advance(20)
    assert kfp.get(f"{V1}/runs/{run_id}")["run"]["status"] == "Running"


def test_namespace_is_required(kfp: KfpClient, team: str) -> None:
    """With several users, runs need an experiment, and lists and experiments a namespace."""
    for path, body in (
        (f"{V2}/runs", RUN),
        (f"{V1}/runs", v1_run()),
        (f"{V2}/experiments", {"display_name": "x"}),
    ):
        assert kfp.ask("POST", path, body).status == 400
    assert "Experiment id can not be empty" in kfp.ask("POST", f"{V2}/runs", RUN).body["message"]
    for path in (f"{V1}/runs", f"{V2}/runs", f"{V2}/experiments"):
        assert kfp.ask("GET", path).status == 400


def test_namespace_comes_from_the_experiment(kfp: KfpClient, team: str) -> None:
    """A run is in the namespace of its experiment, and is listed by either."""
    run_id = kfp.post(f"{V2}/runs", {**RUN, "experiment_id": team})["run_id"]
    owners = kfp.get(f"{V1}/runs/{run_id}")["run"]["resource_references"]
    assert {"key": {"type": "NAMESPACE", "id": "team"}, "relationship": "OWNER"} in owners
    for query in ({"namespace": "team"}, {"experiment_id": team}):
        [run] = kfp.get(f"{V2}/runs", **query)["runs"]
        assert run["run_id"] == run_id
    reference = {"resource_reference_key.type": "NAMESPACE", "resource_reference_key.id": "team"}
    assert kfp.get(f"{V1}/runs", **reference)["total_size"] == 1


def test_grants(kfp: KfpClient, team: str) -> None:
    """A user may do what was granted in the namespace; a request of nobody is not authenticated."""
    run = {**RUN, "experiment_id": team}
    path = f"{V2}/runs/{kfp.post(f'{V2}/runs', run)['run_id']}"
    allowed: list[Request] = [("GET", path, None, {}), ("GET", f"{V2}/runs", None, {"namespace": "team"})]
    forbidden: list[Request] = [
        ("POST", f"{V2}/runs", run, {}),
        ("POST", f"{V2}/experiments", {"display_name": "x", "namespace": "team"}, {}),
        ("POST", f"{path.replace(V2, V1)}/terminate", None, {}),
        ("POST", f"{path.replace(V2, V1)}:reportMetrics", None, {}),
        *(("POST", f"{path}:{verb}", None, {}) for verb in ("terminate", "retry", "archive", "unarchive")),
        ("DELETE", path, None, {}),
        ("GET", f"{V2}/runs", None, {"namespace": "other"}),
        ("GET", f"{path}/nodes/n/artifacts/a:read", None, {}),
    ]
    asked, answers = (*allowed, *forbidden), []
    for user in ("ben", ""):
        _as(kfp, user)
        answers.append([kfp.ask(verb, where, body, **query).status for verb, where, body, query in asked])
    assert answers[0] == [200] * len(allowed) + [403] * len(forbidden)
    # The way past the API, by which artifacts are read, calls whoever cannot see a run forbidden.
    assert answers[1] == [401] * (len(answers[1]) - 1) + [403]
    assert kfp.ask("GET", f"{V2}/healthz").status == 200, "the health check asks nobody who they are"


def test_missing_run_of_many_users(emulator: Emulator, kfp: KfpClient, team: str) -> None:
    """With several users, a missing run is 404, but newer servers forbid to read its artifacts."""
    path = f"{V2}/runs/nowhere/nodes/n/artifacts/a:read"
    assert kfp.ask("GET", f"{V2}/runs/nowhere").status == 404
    assert kfp.ask("GET", path).status == 403
    emulator.kfp.change({"release": "2.5"})
    assert kfp.ask("GET", path).status == 404


def test_pipelines_of_many_users(kfp: KfpClient, team: str) -> None:
    """Pipelines with a namespace are for its users, those without one are for all."""
    for name, namespace in (("ours", "team"), ("all", "")):
        kfp.post(f"{V2}/pipelines", {"display_name": name, "namespace": namespace})
    stranger = _as(kfp, "eve")
    assert stranger.get(f"{V2}/pipelines/names/all")["display_name"] == "all"
    assert stranger.ask("GET", f"{V2}/pipelines/names/ours", namespace="team").status == 403
    assert stranger.ask("GET", f"{V2}/pipelines", namespace="team").status == 403
    assert _as(kfp, "ben").get(f"{V2}/pipelines", namespace="team")["total_size"] == 1


def test_token(emulator: Emulator, kfp: KfpClient) -> None:
    """Where a token is required, every request must bring the one in force, which can be changed."""
    control = f"{emulator.http_url}/_emulator/kfp"
    assert requests.post(control, json={"token": "first"}, timeout=5).json()["token"] == "first"
    assert kfp.ask("GET", f"{V2}/healthz").status == 401
    settings = kfp.api.configuration
    settings.api_key, settings.api_key_prefix = {"authorization": "first"}, {"authorization": "Bearer"}
    assert kfp.ask("GET", f"{V2}/healthz").status == 200
    requests.post(control, json={"token": "second"}, timeout=5)
    assert kfp.ask("GET", f"{V2}/runs").status == 401
    settings.api_key["authorization"] = "second"
    assert kfp.ask("GET", f"{V2}/runs").status == 200
    emulator.kfp.change({"token": ""})
    settings.api_key.clear()
    assert kfp.ask("GET", f"{V2}/runs").status == 200


def test_login_page(emulator: Emulator, kfp: KfpClient) -> None:
    """A proxy may lead a request without a good token to a page of HTML, which answers 200."""
    emulator.kfp.change({"login_page": True})
    answer = kfp.ask("GET", f"{V2}/runs")
    assert (answer.status, answer.headers["location"]) == (302, "/_emulator/kfp/login")
    page = requests.get(f"{emulator.http_url}/apis/{V2}/runs", timeout=5)
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    emulator.kfp.change({"token": "good"})
    kfp.api.set_default_header("authorization", "Bearer good")
    assert kfp.ask("GET", f"{V2}/runs").status == 200
