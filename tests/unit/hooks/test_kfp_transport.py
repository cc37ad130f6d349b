"""How the hook for Kubeflow Pipelines speaks to a server, and to what may stand before one."""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kfp_server_api.exceptions import ApiException
from kfp_witness import Answer, Witness, refusal, witness

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_errors import KFPLoginRequired, KFPServerError, KFPUnreachable
from airflow_mljobs.jobs import FailureKind

SECRET = "s3cr3t-value"
DENIED = refusal(401, "no identity", 16)
PAGE = Answer(body="<html>Log in</html>", kind="text/html; charset=utf-8")

Connect = Callable[..., KFPRunHook]


@pytest.fixture
def server() -> Iterator[Witness]:
    """A server that says what it was asked."""
    with witness() as found:
        yield found


@pytest.fixture
def connect(server: Witness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make a hook for a connection that says these things."""
    made: list[KFPRunHook] = []

    def make(*, password: str | None = None, host: str | None = None, **extra: Any) -> KFPRunHook:
        extra = {"api_version": "v2beta1", "connect_timeout": 1, "read_timeout": 1} | extra
        connection = {"conn_type": "kfp", "host": host or server.url, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(connection))
        made.append(KFPRunHook())
        return made[-1]

    yield make
    for hook in made:
        hook.close()


@pytest.mark.parametrize("api", ["v1beta1", "v2beta1"])
def test_nothing_is_shown_unless_asked(api: str, server: Witness, connect: Connect) -> None:
    """Without authentication no request brings any."""
    connect(api_version=api).get_run("r")
    assert (server.shown("authorization"), server.shown("cookie")) == ([None], [None])


@pytest.mark.parametrize("api", ["v1beta1", "v2beta1"])
def test_a_token_is_shown(api: str, server: Witness, connect: Connect) -> None:
    """The connection's password is the bearer token, by a method of the client and by path alike."""
    connect(password=SECRET, api_version=api).get_run("r")
    assert server.shown("authorization") == [f"Bearer {SECRET}"]


def test_cookies_and_headers_are_shown(server: Witness, connect: Connect) -> None:
    """Cookies and headers go with every request, also beside a token."""
    hook = connect(password=SECRET, cookies="a=b; c=d", headers={"kubeflow-userid": "ada"})
    hook.get_run("r")
    assert server.shown("cookie") == ["a=b; c=d"]
    assert server.shown("kubeflow-userid") == ["ada"]


def test_a_rotated_token_file_is_read_anew(server: Witness, connect: Connect, tmp_path: Path) -> None:
    """A token that the kubelet replaces is shown from the next request on."""
    path = tmp_path / "token"
    hook = connect(token_file=str(path))
    for token in ("first\n", "second\n"):
        path.write_text(token)
        hook.get_run("r")
    assert server.shown("authorization") == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(("content", "rule"), [(None, "No such file"), (" ", "it is empty")])
def test_no_token_in_the_file(content: str | None, rule: str, connect: Connect, tmp_path: Path) -> None:
    """A token file that is not there, or holds nothing, is named."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidJobSpec, match=rule):
        connect(token_file=str(path)).get_run("r")


def test_a_refused_token_is_renewed_once(
    server: Witness, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server no longer takes the token, the connection is read again, and the request goes on."""
    hook = connect(password="old-token")
    hook.get_run("r")
    renewed = {"conn_type": "kfp", "host": server.url, "password": "new-token"}
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(renewed))
    server.answers = [DENIED, Answer()]
    hook.get_run("r")
    assert server.shown("authorization") == ["Bearer old-token"] * 2 + ["Bearer new-token"]


@pytest.mark.parametrize("given", [{"password": SECRET}, {}, {"cookies": "a=b"}])
def test_a_token_without_a_newer_one_is_refused(
    given: dict[str, str], server: Witness, connect: Connect
) -> None:
    """Where there is nothing newer to show, the request is not repeated, and access is denied."""
    server.answers = [DENIED]
    hook = connect(**given)
    with pytest.raises(KFPServerError, match="no identity") as raised:
        hook.get_run("r")
    assert (len(server.seen), hook.failure_kind(raised.value)) == (1, FailureKind.DENIED)


@pytest.mark.parametrize("client_id", [None, "an-iap-client"])
def test_googles_tokens(
    client_id: str | None,
    server: Witness,
    connect: Connect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Google's own library gets the token of this machine's account, and a new one when it is refused."""
    with witness() as google:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": "p",
            "client_email": "a@p.iam",
            "private_key": key.decode(),
            "token_uri": f"{google.url}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(account))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
        # An ID token is a signed JWT, of which the library reads when it expires.
        jwt = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.c2l"
        issued = [{"access_token": f"t{n}", "id_token": f"{jwt}{n}", "expires_in": 3600} for n in (1, 2)]
        google.answers = [Answer(body=json.dumps(body)) for body in issued]
        auth = {"iap_client_id": client_id} if client_id else {"auth": "google_access_token"}
        server.answers = [Answer(), DENIED, Answer()]
        hook = connect(**auth)
        hook.get_run("r")
        hook.get_run("r")
    tokens = [body["id_token" if client_id else "access_token"] for body in issued]
    assert server.shown("authorization") == [f"Bearer {tokens[n]}" for n in (0, 0, 1)]


@pytest.mark.parametrize(
    "answer",
    [
        PAGE,
        Answer(status=302, body="", headers={"Location": "/dex/auth"}),
        Answer(status=403, body="<html>Sign in</html>", kind="text/html"),
    ],
)
@pytest.mark.parametrize("api", ["v1beta1", "v2beta1"])
def test_a_login_page_is_no_run(api: str, answer: Answer, server: Witness, connect: Connect) -> None:
    """A page or a redirect to log in is an error of its own kind, and never an empty run."""
    server.answers = [answer]
    hook = connect(api_version=api)
    with pytest.raises(KFPLoginRequired, match="a login page answered") as raised:
        hook.get_run("r")
    assert (len(server.seen), hook.failure_kind(raised.value)) == (1, FailureKind.DENIED)
    well, text = hook.test_connection()
    assert (well, "login page" in text) == (False, True)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, "bad", 3), FailureKind.INVALID),
        (refusal(403, "no grant", 7), FailureKind.DENIED),
        (Answer(status=403, body="RBAC: access denied", kind="text/plain"), FailureKind.DENIED),
        (refusal(404, "Run r not found", 5), FailureKind.MISSING),
        (Answer(status=404, body="default backend", kind="text/plain"), FailureKind.UNAVAILABLE),
        (Answer(status=404, body="<html>", kind="text/html"), FailureKind.UNAVAILABLE),
        (refusal(409, "exists", 6), FailureKind.EXISTS),
        (refusal(409, "not failed", 10), FailureKind.OTHER),
        (refusal(429, "slowly", 8), FailureKind.QUOTA),
        (refusal(500, "internal", 13), FailureKind.UNAVAILABLE),
        (refusal(501, "no such method", 12), FailureKind.OTHER),
        (Answer(status=503, body="upstream connect error", kind="text/plain"), FailureKind.UNAVAILABLE),
        (Answer(status=502, body="<html>", kind="text/html"), FailureKind.UNAVAILABLE),
        (Answer(body="[]"), FailureKind.OTHER),
        (Answer(body="{"), FailureKind.OTHER),
    ],
)
def test_a_refusal_has_a_meaning(
    answer: Answer, kind: FailureKind, server: Witness, connect: Connect
) -> None:
    """A refusal is judged by its status and by whether the server itself spoke; it is sent once."""
    server.answers = [answer]
    hook = connect()
    with pytest.raises(ApiException) as raised:
        hook.get_run("r")
    assert hook.failure_kind(raised.value) is kind
    assert len(server.seen) == 1


def test_the_client_may_be_turned_away_by_nobody(connect: Connect, server: Witness) -> None:
    """A server that is not there was never reached, which is known."""
    hook = connect(host="http://127.0.0.1:1")
    with pytest.raises(KFPUnreachable, match="Connection refused") as raised:
        hook.get_run("r")
    assert (raised.value.sent, hook.failure_kind(raised.value)) == (False, FailureKind.UNAVAILABLE)
    assert hook.unseen_for(raised.value) == 0


@pytest.mark.parametrize("ask", [lambda hook: hook.get_run("r"), lambda hook: hook.create_run({"a": 1})])
def test_a_deadline_holds_and_nothing_is_repeated(
    ask: Callable[[KFPRunHook], Any], server: Witness, connect: Connect
) -> None:
    """A silent server is waited for as long as the connection says, once; what was sent may have arrived."""
    server.answers = [Answer(delay=2.5)]
    hook = connect()
    begin = time.monotonic()
    with pytest.raises(KFPUnreachable, match="timed out") as raised:
        ask(hook)
    assert 0.9 < time.monotonic() - begin < 2
    assert (len(server.seen), raised.value.sent) == (1, True)
    assert hook.unseen_for(raised.value) == 60


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (refusal(400, "bad", 3), 0),
        (refusal(500, "internal", 13), 0),
        (Answer(status=503, body="no healthy upstream", kind="text/plain"), 0),
        (Answer(status=504, body="upstream timeout", kind="text/plain"), 60),
        (Answer(status=500, body="upstream reset", kind="text/plain"), 60),
    ],
)
def test_how_long_a_run_may_stay_unseen(
    answer: Answer, seconds: float, server: Witness, connect: Connect
) -> None:
    """Only where a proxy gave up on the server may a run still come to be."""
    server.answers = [answer]
    hook = connect()
    with pytest.raises(KFPServerError) as raised:
        hook.create_run({"display_name": "r"})
    assert hook.unseen_for(raised.value) == seconds


def test_no_secret_in_an_error(server: Witness, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what was shown nor what the server set stands in an error or in a log."""
    server.answers = [refusal(400, "bad request", 3)]
    hook = connect(password=SECRET, cookies=f"a={SECRET}", headers={"x": SECRET})
    with caplog.at_level(logging.DEBUG), pytest.raises(KFPServerError) as raised:
        hook.get_run("r")
    texts = [str(raised.value), repr(raised.value), str(vars(raised.value)), caplog.text]
    assert [text for text in texts if SECRET in text or "leaked-cookie" in text] == []
    assert str(raised.value) == "bad request (HTTP 400)"
    assert raised.value.__cause__ is None


def test_secrets_are_masked(connect: Connect) -> None:
    """Airflow's log shows none of a connection's secrets."""
    from airflow.sdk._shared.secrets_masker import redact

    connect(password=SECRET, cookies="a=cookie-value", headers={"x-a": "header-value"}).get_conn()
    shown = redact(f"{SECRET} cookie-value header-value")
    assert shown == "*** *** ***"


def test_the_logging_of_others_is_left_alone(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building the client changes nobody's log levels."""
    logger = logging.getLogger("urllib3")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    connect().api.close()
    connect().get_run("r")
    assert (logger.level, http.client.HTTPConnection.debuglevel) == (logging.DEBUG, 1)
    logger.setLevel(before)


def test_ids_are_quoted(server: Witness, connect: Connect) -> None:
    """An id with special characters stays one part of the path."""
    connect().get_run("a/b?c")
    assert server.seen[0][1] == "/apis/v2beta1/runs/a%2Fb%3Fc"


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": {1}}])
def test_a_body_that_json_cannot_say_is_not_sent(body: Any, server: Witness, connect: Connect) -> None:
    """What has no form in JSON is refused here."""
    with pytest.raises(InvalidJobSpec, match="has a JSON form"):
        connect().create_run(body)
    assert server.seen == []


def test_the_path_of_a_proxy_is_kept(server: Witness, connect: Connect) -> None:
    """The API is looked for below the path that the connection names."""
    connect(host=f"{server.url}/pipeline/").get_run("r")
    assert server.seen[0][1] == "/pipeline/apis/v2beta1/runs/r"


def test_a_proxy_is_used(server: Witness, connect: Connect) -> None:
    """Requests go through the proxy that the connection names."""
    connect(host="http://kubeflow.invalid", proxy=server.url).get_run("r")
    assert server.seen[0][1] == "http://kubeflow.invalid/apis/v2beta1/runs/r"
