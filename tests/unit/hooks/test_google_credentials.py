"""Whom Google's services take the connection ``google_cloud_default`` for, by each way to authenticate.

The libraries are Google's own; where they ask for tokens, this machine answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.cloud.aiplatform_v1 import PipelineServiceClient
from google.oauth2.service_account import Credentials as OfAccount
from google_loopback import ACCOUNT, IAM, TOKEN, claims_of, iam, new_key
from kfp_witness import Answer, Witness, witness

from airflow_mljobs.hooks.mlengine import MLEngineJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_job import PipelineJobHook

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FIRST, SECOND, LAST = (f"{name}@deputies.iam.gserviceaccount.com" for name in ("first", "second", "last"))
PREFIX = "projects/-/serviceAccounts/"
DENIED = {
    "error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission 'ml.jobs.list' denied"}
}

Connect = Callable[..., None]


@pytest.fixture(scope="module")
def google() -> Iterator[Witness]:
    """Where tokens are given for keys."""
    with witness() as found:
        yield found


@pytest.fixture(scope="module")
def key(google: Witness) -> dict[str, str]:
    """The key of an account that there is nowhere else."""
    return new_key(f"{google.url}/token")


@pytest.fixture(scope="module")
def deputies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    """Where accounts get the tokens of others; no test asks Google's own."""
    with (
        pytest.MonkeyPatch.context() as patch,
        iam(tmp_path_factory.mktemp("iam"), patch) as found,
    ):
        yield found


@pytest.fixture
def key_file(key: dict[str, str], tmp_path: Path) -> str:
    """The same in a file."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    return str(path)


@pytest.fixture(autouse=True)
def connect(server: Witness, google: Witness, deputies: Witness, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Write the connection; its endpoint is a service that says what it was asked."""
    google.seen.clear()
    google.bodies.clear()
    google.answers = [TOKEN]
    for variable in ("ML_ENGINE_EMULATOR_HOST", "VERTEX_AI_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(variable, raising=False)

    def write(**extra: Any) -> None:
        extra = {"api_endpoint": server.url} | extra
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))

    return write


@pytest.mark.parametrize("way", ["key_path", "keyfile_dict", "text", "default"])
def test_a_key(
    way: str,
    connect: Connect,
    key: dict[str, str],
    key_file: str,
    google: Witness,
    server: Witness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key in a file, in the connection or of the machine's own asks in its account's name, for a scope."""
    ways = {"key_path": {"key_path": key_file}, "keyfile_dict": {"keyfile_dict": key}}
    connect(**ways.get(way, {"keyfile_dict": json.dumps(key)} if way == "text" else {}))
    if way == "default":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file)
    hook = MLEngineJobHook()
    hook.list()
    credentials = hook.get_client().transport.credentials
    assert isinstance(credentials, OfAccount)
    assert (credentials.service_account_email, hook.project_id) == (ACCOUNT, "project-of-key")
    assert server.shown("authorization") == ["Bearer token-of-key"]
    assert server.shown("x-goog-user-project") == [None]
    [body] = google.bodies
    assert {ACCOUNT, SCOPE} <= set(claims_of(body).values())


def test_scopes_and_quota(connect: Connect, key: dict[str, str], google: Witness, server: Witness) -> None:
    """Scopes of one's own are asked for, and the project that pays is named with each request."""
    scopes = ["https://www.googleapis.com/auth/a", "https://www.googleapis.com/auth/b"]
    connect(keyfile_dict=key, scope=",".join(scopes), quota_project_id="who-pays", project="mine")
    hook = MLEngineJobHook()
    hook.list()
    assert claims_of(google.bodies[0])["scope"].split() == scopes
    assert server.shown("x-goog-user-project") == ["who-pays"]
    assert server.seen[0][1].startswith("/v1/projects/mine/jobs")


@pytest.mark.parametrize("by_hook", [False, True], ids=["connection", "hook"])
@pytest.mark.parametrize("chain", [[LAST], [FIRST, SECOND, LAST]], ids=["one", "chain"])
def test_impersonation(
    by_hook: bool,
    chain: list[str],
    connect: Connect,
    key: dict[str, str],
    server: Witness,
    deputies: Witness,
) -> None:
    """The last of a chain is who asks, those before it its delegates, and the key only opens the chain."""
    connect(keyfile_dict=key, **({} if by_hook else {"impersonation_chain": ",".join(chain)}))
    hook = MLEngineJobHook(impersonation_chain=chain if by_hook else None)
    deputies.seen.clear()
    deputies.bodies.clear()
    hook.list()
    [headers] = [
        headers for _, path, headers in deputies.seen if path == f"/v1/{PREFIX}{LAST}:generateAccessToken"
    ]
    [asked] = [json.loads(body) for body in deputies.bodies if body]
    assert (headers["host"], headers["authorization"]) == (IAM, "Bearer token-of-key")
    assert (asked["delegates"] or []) == chain[:-1]
    assert asked["scope"] == [SCOPE]
    assert server.shown("authorization") == ["Bearer token-of-another"]
    assert server.seen[0][1].startswith("/v1/projects/deputies/jobs")


def test_vertex_ai_gets_the_same(connect: Connect, key: dict[str, str]) -> None:
    """The client that speaks gRPC is handed the credentials that the connection describes."""
    connect(
        keyfile_dict=key,
        impersonation_chain=f"{FIRST},{LAST}",
        quota_project_id="who-pays",
        api_endpoint=None,
    )
    client = PipelineJobHook().get_client(PipelineServiceClient, "europe-west4")
    credentials = vars(client.transport)["_credentials"]
    assert isinstance(credentials, Impersonated)
    assert (credentials.service_account_email, credentials.quota_project_id) == (LAST, "who-pays")
    assert client.api_endpoint == "europe-west4-aiplatform.googleapis.com:443"


def test_an_emulator_is_shown_nothing(
    connect: Connect, google: Witness, server: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the emulator's variable set no credentials are read, not even ones that are broken."""
    connect(api_endpoint=None, key_path="/nowhere.json", impersonation_chain=LAST, project="p")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    monkeypatch.setenv("ML_ENGINE_EMULATOR_HOST", server.url)
    well, text = MLEngineJobHook().test_connection()
    assert (well, text) == (
        True,
        "Project p: AI Platform jobs may be listed, asked by nobody: without credentials.",
    )
    assert (server.shown("authorization"), google.seen) == ([None], [])


def test_what_is_well_is_described(connect: Connect, key: dict[str, str]) -> None:
    """A test of the connection says in whose name jobs may be listed, and where."""
    connect(keyfile_dict=key)
    well, text = MLEngineJobHook().test_connection()
    assert (well, text) == (
        True,
        f"Project project-of-key: AI Platform jobs may be listed, asked by {ACCOUNT}.",
    )


@pytest.mark.parametrize(
    ("of_service", "of_google", "words"),
    [
        (Answer(status=403, body=json.dumps(DENIED)), TOKEN, "such as AI Platform Viewer (roles/ml.viewer)"),
        (Answer(status=404, body="{}"), TOKEN, "Check the project and the region"),
        (Answer(status=401, body="{}"), TOKEN, "See whether the key is revoked"),
        (Answer(), Answer(status=400, body='{"error": "invalid_grant"}'), "the key may be revoked"),
    ],
)
def test_what_is_wrong_comes_with_what_to_do(
    of_service: Answer,
    of_google: Answer,
    words: str,
    connect: Connect,
    key: dict[str, str],
    server: Witness,
    google: Witness,
) -> None:
    """A refusal is told in the service's words, with what to do about it, and without the key."""
    server.answers, google.answers = [of_service], [of_google]
    connect(keyfile_dict=key)
    well, text = MLEngineJobHook().test_connection()
    assert (well, words in text) == (False, True), text
    assert key["private_key"][40:80] not in text


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({}, "Give the connection a key (key_path or keyfile_dict)"),
        ({"keyfile_dict": "no JSON"}, "Invalid key JSON"),
    ],
)
def test_no_credentials(
    extra: dict[str, str], words: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no credentials, or what is given is none, the test says so, and where they belong."""
    connect(project="p", **extra)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    well, text = MLEngineJobHook().test_connection()
    assert (well, words in text) == (False, True), text
