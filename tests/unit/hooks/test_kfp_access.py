"""What a test of a connection to Kubeflow Pipelines says, to whoever has just filled in its form."""

from __future__ import annotations

import base64
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from kfp_witness import Answer, Connect, Witness, refusal, witness

from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_connection import READ_TIMEOUT, KFPConnection
from certificate import write_certificate

SECRET = "s3cr3t-value"
HEALTH = Answer(body='{"tag_name": "2.5.0", "multi_user": true}')
RUNS = Answer(body='{"runs": []}')


def token_about(**claims: str) -> str:
    """Make a JSON Web Token that nobody signed."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "asked without credentials. Runs may be listed"),
        ({"password": SECRET}, "asked with a bearer token. Runs may"),
        (
            {"password": token_about(sub="system:serviceaccount:team:editor")},
            "of system:serviceaccount:team:",
        ),
        ({"password": token_about(sub="10769150350006150715113082367", email="ada@x.com")}, "of ada@x.com"),
        ({"password": token_about(aud="pipelines")}, "asked with a bearer token. Runs may"),
        ({"cookies": f"session={SECRET}", "namespace": "team"}, "with cookies. Runs of namespace team may"),
        ({"headers": {"kubeflow-userid": SECRET}}, "asked with headers"),
    ],
)
def test_what_is_well_is_described(
    given: dict[str, Any], words: str, server: Witness, connect: Connect
) -> None:
    """A good connection is told by the server's release, its address, who asked and where, and no secret."""
    server.answers = [RUNS, HEALTH]
    well, text = connect(**given).test_connection()
    assert well, text
    assert f"Kubeflow Pipelines 2.5.0 answers at {server.url} through v2beta1" in text
    assert words in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(401, "Request header error", 16), "does not know who asks"),
        (refusal(403, "no grant", 7), "let them list runs in namespace team"),
        (
            Answer(status=403, body="RBAC: access denied", kind="text/plain"),
            "RBAC: access denied (HTTP 403). W",
        ),
        (
            Answer(status=302, body="", headers={"Location": "/dex/auth"}),
            "Give a token, the cookies of a sess",
        ),
        (Answer(body="<html>Log in</html>", kind="text/html"), "Give a token, the cookies of a session"),
        (Answer(status=404, body="default backend", kind="text/plain"), "ends where /apis begins"),
        (Answer(status=503, body="no healthy upstream", kind="text/plain"), "no healthy upstream (HTTP 503)"),
    ],
)
def test_what_is_wrong_comes_with_what_to_do(
    answer: Answer, words: str, server: Witness, connect: Connect
) -> None:
    """A refusal is told in the server's own words, with what to do about it."""
    server.answers = [answer]
    well, text = connect(password=SECRET, namespace="team").test_connection()
    assert (well, words in text) == (False, True), text
    assert "leaked-cookie" not in text


def test_a_namespace_that_is_missing(server: Witness, connect: Connect) -> None:
    """A server for many users says that it wants a namespace, and where to give it is added."""
    server.answers = [refusal(400, "ListRuns must filter by namespace in multi-user mode", 3)]
    well, text = connect().test_connection()
    assert (well, "has runs in namespaces: give the connection one" in text) == (False, True), text


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("http://127.0.0.1:1", "Nothing listens there"),
        ("http://kubeflow.invalid", "No machine has the name"),
        ("kubeflow.example", "host='kubeflow.example' is not valid: is a whole URL"),
    ],
)
def test_a_wrong_host(host: str, words: str, connect: Connect) -> None:
    """An address at which nothing is, or that is none, is told as what it is."""
    well, text = connect(host=host).test_connection()
    assert (well, words in text) == (False, True), text


def test_tls_that_fails(tmp_path: Path, server: Witness, connect: Connect) -> None:
    """A certificate that nobody vouches for leads to the CA file, and TLS where there is none to http."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(tmp_path, hosts=["127.0.0.1"]))
    with witness(context) as secure:
        well, text = connect(host=secure.url).test_connection()
    assert (well, "in the connection's CA file" in text) == (False, True), text
    well, text = connect(host=server.url.replace("http://", "https://")).test_connection()
    assert (well, "its URL begins with http://" in text) == (False, True), text


@pytest.mark.parametrize("name", ["password", "headers", "token_file"])
def test_an_echo_of_a_secret_is_masked(name: str, server: Witness, connect: Connect, tmp_path: Path) -> None:
    """Also a server that repeats what it was shown makes no secret come to light."""
    server.answers = [refusal(401, f"invalid token {SECRET}", 16)]
    path = tmp_path / "token"
    path.write_text(SECRET)
    given = {"password": SECRET, "headers": {"x-token": SECRET}, "token_file": str(path)}
    well, text = connect(**{name: given[name]}).test_connection()
    assert (well, "invalid token ***" in text) == (False, True), text


def test_it_does_not_wait_for_long(
    server: Witness, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests waits at a screen: a silent server is given up before the connection's own timeout."""
    monkeypatch.setattr("airflow_mljobs.hooks.kfp_connection.IN_HASTE", (1, 1))
    server.answers = [Answer(delay=1.5)]
    began = time.monotonic()
    well, text = connect(read_timeout=READ_TIMEOUT).test_connection()
    assert (well, "answered too late" in text) == (False, True), text
    assert time.monotonic() - began < READ_TIMEOUT / 2


def test_timeouts_of_ones_own_are_kept_when_shorter() -> None:
    """A connection that gives up sooner than a test would is tested as it is."""
    patient, brief = KFPConnection(host="h"), KFPConnection(host="h", connect_timeout=1, read_timeout=2)
    assert (patient.in_haste.timeout, brief.in_haste.timeout) == ((5, 15), (1, 2))


def test_the_hook_stays_as_it_was(server: Witness, connect: Connect) -> None:
    """A test takes nothing from the hook that it is called on: neither its timeouts nor its connections."""
    server.answers = [RUNS, HEALTH, RUNS]
    hook: KFPRunHook = connect(read_timeout=READ_TIMEOUT)
    assert hook.test_connection()[0]
    assert hook.settings.read_timeout == READ_TIMEOUT
    assert hook.list_runs() == {"runs": []}
