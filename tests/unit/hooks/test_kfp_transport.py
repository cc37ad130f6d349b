"""How the hook for Kubeflow Pipelines speaks to a server, and to what may stand before one."""

from __future__ import annotations

import base64
import http.client
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kfp_server_api.exceptions import ApiException
from kfp_witness import Answer, Connect, Witness, refusal

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_errors import KFPLoginRequired, KFPServerError, KFPUnreachable, from_client
from airflow_mljobs.jobs import FailureKind

SECRET = "s3cr3t-value"
PAGE = Answer(body="<html>Log in</html>", kind="text/html; charset=utf-8")


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
        (refusal(405, "no such verb", 12), FailureKind.OTHER),
        (Answer(body="[]"), FailureKind.UNAVAILABLE),
        (Answer(body="{"), FailureKind.UNAVAILABLE),
        (Answer(body=""), FailureKind.UNAVAILABLE),
        (Answer(body="OK", kind="text/plain"), FailureKind.UNAVAILABLE),
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
        (Answer(body='{"run_id": "cut o'), 60),
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


def test_secrets_are_masked(connect: Connect, tmp_path: Path) -> None:
    """Airflow's log shows none of a connection's secrets, nor a token that only a file holds."""
    from airflow.sdk._shared.secrets_masker import redact

    connect(password=SECRET, cookies="a=cookie-value", headers={"x-a": "Bearer header-value"}).get_conn()
    (tmp_path / "token").write_text("token-of-a-file")
    connect(token_file=str(tmp_path / "token")).get_run("r")
    shown = redact(f"{SECRET} cookie-value header-value token-of-a-file")
    assert shown == "*** *** *** ***"


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


def test_a_proxy_is_shown_the_login(server: Witness, connect: Connect) -> None:
    """The login in a proxy's URL is shown to the proxy, in the form it has without the URL's escapes."""
    proxy = server.url.replace("//", "//me:p%40ss@")
    connect(host="http://kubeflow.invalid", proxy=proxy).get_run("r")
    shown = base64.b64encode(b"me:p@ss").decode()
    assert server.shown("proxy-authorization") == [f"Basic {shown}"]


@pytest.mark.parametrize(
    ("cause", "sent"),
    [
        (ssl.SSLCertVerificationError("unknown authority"), False),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), True),
    ],
)
def test_a_broken_tls_connection_may_have_carried_the_request(cause: ssl.SSLError, sent: bool) -> None:
    """Only a certificate that was refused says for sure that nothing was sent."""
    failed = urllib3.exceptions.MaxRetryError(
        urllib3.HTTPConnectionPool("localhost"), "/", urllib3.exceptions.SSLError(cause)
    )
    error = from_client(failed)
    assert isinstance(error, KFPUnreachable)
    assert error.sent is sent


def test_a_closed_hook_may_be_used_again(server: Witness, connect: Connect) -> None:
    """What a hook closed it makes anew, and closes again."""
    hook = connect()
    for _ in range(2):
        hook.get_run("r")
        client = hook.api._client
        assert hook.api._apis["Run"].api_client is client
        hook.close()
        assert len(client.rest_client.pool_manager.pools) == 0


@pytest.mark.parametrize("ask", [KFPRunHook.cancel_job, KFPRunHook.delete_job])
def test_a_run_that_goes_is_gone(
    ask: Callable[[KFPRunHook, str], None], server: Witness, connect: Connect
) -> None:
    """Of a run that is not there, or no longer when it is looked at, nothing is left to end."""
    server.answers = [refusal(404, "Run r not found", 5)]
    ask(connect(), "r")
    if ask is KFPRunHook.cancel_job:
        server.answers = [refusal(400, "Row not found", 3), refusal(404, "Run r not found", 5)]
        ask(connect(), "r")
        assert [verb for verb, _, _ in server.seen] == ["POST", "POST", "GET"]


def test_a_refused_cancel_of_a_run_at_work_is_an_error(server: Witness, connect: Connect) -> None:
    """A server that will not end a run which is at work is not taken to have done so."""
    at_work = Answer(body='{"run_id": "r", "state": "RUNNING"}')
    server.answers = [refusal(400, "Row not found", 3), at_work]
    with pytest.raises(KFPServerError, match="Row not found"):
        connect().cancel_job("r")
