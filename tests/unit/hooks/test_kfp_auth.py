"""How the hook for Kubeflow Pipelines shows a server who is asking."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from kfp_witness import Answer, Connect, Witness, refusal, witness

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_errors import KFPNoToken, KFPServerError, KFPUnreachable
from airflow_mljobs.jobs import FailureKind

SECRET = "s3cr3t-value"
DENIED = refusal(401, "no identity", 16)
LOGIN = Answer(status=302, body="", headers={"Location": "/dex/auth"})


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


def test_a_token_file_that_is_being_replaced(server: Witness, connect: Connect, tmp_path: Path) -> None:
    """While a token file is empty or away, the token of before is shown."""
    path = tmp_path / "token"
    path.write_text("first")
    hook = connect(token_file=str(path))
    hook.get_run("r")
    path.write_text("")
    hook.get_run("r")
    path.unlink()
    hook.get_run("r")
    assert server.shown("authorization") == ["Bearer first"] * 3


@pytest.mark.parametrize("answer", [DENIED, LOGIN])
def test_a_refused_token_is_renewed_once(
    answer: Answer, server: Witness, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the token no longer lets in, the connection is read again, and the request goes on."""
    hook = connect(password="old-token")
    hook.get_run("r")
    renewed = {"conn_type": "kfp", "host": server.url, "password": "new-token"}
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(renewed))
    server.answers = [answer, Answer()]
    hook.get_run("r")
    assert server.shown("authorization") == ["Bearer old-token"] * 2 + ["Bearer new-token"]
    server.answers = [answer]
    with pytest.raises(KFPServerError):
        hook.get_run("r")
    assert len(server.seen) == 4


@pytest.mark.parametrize("answer", [DENIED, LOGIN])
def test_a_session_that_ended_is_replaced(
    answer: Answer, server: Witness, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook that looks at runs for days shows the cookie that stands in the connection by now."""
    hook = connect(cookies="session=old-session", headers={"x": "old-header"})
    hook.get_run("r")
    extra = {"cookies": "session=new-session", "headers": {"x": "new-header"}}
    renewed = {"conn_type": "kfp", "host": "http://elsewhere.invalid", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(renewed))
    server.answers = [answer, Answer()]
    hook.get_run("r")
    assert server.shown("cookie") == ["session=old-session"] * 2 + ["session=new-session"]
    assert server.shown("x") == ["old-header"] * 2 + ["new-header"]


@pytest.mark.parametrize("host", ["nowhere", "http://nowhere"])
def test_a_connection_that_is_gone_hides_no_refusal(
    host: str, server: Witness, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection cannot be read again, or has no token any more, the refusal is the error."""
    server.answers = [DENIED]
    hook = connect(password=SECRET)
    assert hook.api
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps({"conn_type": "kfp", "host": host}))
    with pytest.raises(KFPServerError, match="no identity"):
        hook.get_run("r")


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


def use_account(google: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this machine's own credentials those of a service account, whose tokens come from there."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "a@p.iam",
        "private_key": key.decode(),
        "token_uri": f"{google}/token",
    }
    key_file.write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))


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
        use_account(google.url, tmp_path / "key.json", monkeypatch)
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


@pytest.mark.parametrize(("is_there", "kind"), [(True, FailureKind.DENIED), (False, FailureKind.UNAVAILABLE)])
def test_google_gives_no_token(
    is_there: bool,
    kind: FailureKind,
    connect: Connect,
    server: Witness,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A revoked key is denied access, and a token server that is out of reach may come back."""
    with witness() as google:
        google.answers = [Answer(status=400, body='{"error": "invalid_grant"}')]
        use_account(google.url if is_there else "http://127.0.0.1:1", tmp_path / "key.json", monkeypatch)
        hook = connect(auth="google_access_token")
        with pytest.raises(KFPUnreachable, match="Google gave no token") as raised:
            hook.get_run("r")
    assert (hook.failure_kind(raised.value), hook.unseen_for(raised.value)) == (kind, 0)
    assert server.seen == []


def test_a_machine_without_googles_credentials(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no credentials of Google's at all, access is denied."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    hook = connect(auth="google_access_token")
    with pytest.raises(KFPNoToken) as raised:
        hook.get_run("r")
    assert hook.failure_kind(raised.value) is FailureKind.DENIED
