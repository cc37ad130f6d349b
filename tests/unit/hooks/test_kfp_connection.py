"""What a connection to Kubeflow Pipelines may say, and what of it is never shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from unit_samples import refused

from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_connection import AuthMode, KFPConnection
from airflow_mljobs.provider_info import get_provider_info

HOST = "https://kubeflow.example/pipeline"
SECRET = "s3cr3t-value"


def read(*, password: str | None = None, host: str = HOST, **extra: Any) -> KFPConnection:
    """Read a connection that says these things."""
    connection = Connection(
        conn_id="c", conn_type="kfp", host=host, password=password, extra=json.dumps(extra)
    )
    return KFPConnection.read(connection)


def test_the_least_is_a_host() -> None:
    """A host alone is enough for a server that asks for nothing."""
    settings = read(host=f"{HOST}/")
    assert (settings.host, settings.auth, settings.api_version) == (HOST, AuthMode.NONE, "auto")
    assert (settings.timeout, settings.verify_ssl) == ((10, 60), True)


@pytest.mark.parametrize("empty", [None, ""])
def test_a_field_that_is_left_empty_is_not_given(empty: str | None) -> None:
    """Airflow's form may keep a field that nobody filled in; it has its default then."""
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    assert read(**dict.fromkeys(fields, empty)) == read()


@pytest.mark.parametrize(
    ("field", "value", "rule", "given"),
    [
        ("host", "", "is a whole URL", {"host": ""}),
        ("host", "kubeflow.example", "is a whole URL", {"host": "kubeflow.example"}),
        ("host", "ftp://kubeflow.example", "is a whole URL", {"host": "ftp://kubeflow.example"}),
        (
            "host",
            "https://kubeflow.example:port",
            "is a whole URL",
            {"host": "https://kubeflow.example:port"},
        ),
        ("host", "***", "holds no user and no password", {"host": f"https://me:{SECRET}@kubeflow.example"}),
        ("host", f"{HOST}/?ns=a", "no query, no fragment", {"host": f"{HOST}/?ns=a"}),
        ("ui_url", f"{HOST}/#/runs", "no query, no fragment", {"ui_url": f"{HOST}/#/runs"}),
        ("auth", "dex", "is one of none, bearer", {"auth": "dex"}),
        ("auth", "list", "is a text", {"auth": ["bearer"]}),
        ("password", None, "is required with auth bearer", {"auth": "bearer"}),
        ("token_file", None, "is required with auth token_file", {"auth": "token_file"}),
        ("cookies", None, "is required with auth cookie", {"auth": "cookie"}),
        ("headers", None, "is required with auth headers", {"auth": "headers"}),
        ("iap_client_id", None, "is required with auth google_id_token", {"auth": "google_id_token"}),
        ("api_version", "v3", "is one of auto, v1beta1, v2beta1", {"api_version": "v3"}),
        ("ui_url", "/pipelines", "is a whole URL", {"ui_url": "/pipelines"}),
        ("verify_ssl", "maybe", "is true or false", {"verify_ssl": "maybe"}),
        ("ssl_ca_cert", "/nowhere.pem", "is a file that can be read", {"ssl_ca_cert": "/nowhere.pem"}),
        ("connect_timeout", 0, "at least 1", {"connect_timeout": 0}),
        ("connect_timeout", 0.5, "a whole number of seconds", {"connect_timeout": 0.5}),
        ("read_timeout", float("inf"), "a whole number of seconds", {"read_timeout": float("inf")}),
        ("read_timeout", "soon", "a whole number of seconds", {"read_timeout": "soon"}),
        ("namespace", "list", "is a text", {"namespace": ["a"]}),
        ("headers", "***", "is a JSON object of texts", {"headers": SECRET}),
        ("headers", "***", "is a JSON object of texts", {"headers": {"a": 1}}),
        ("proxy", "***", "is a whole URL", {"proxy": f"me:{SECRET}@proxy"}),
    ],
)
def test_what_breaks_a_rule_is_named(field: str, value: object, rule: str, given: dict[str, Any]) -> None:
    """A refusal names the field, the value unless it is secret, and the rule."""
    with refused(field, value, rule):
        read(**given)


def test_a_certificate_comes_with_its_key() -> None:
    """A certificate without its key is refused."""
    with refused("cert_file", __file__, "comes together with key_file"):
        read(cert_file=__file__)
    assert read(cert_file=__file__, key_file=__file__).cert_file == __file__


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        (AuthMode.BEARER, {"password": "t"}),
        (AuthMode.TOKEN_FILE, {"token_file": "/var/run/token"}),
        (AuthMode.COOKIE, {"cookies": "a=b"}),
        (AuthMode.HEADERS, {"headers": '{"kubeflow-userid": "ada"}'}),
        (AuthMode.GOOGLE_ID_TOKEN, {"iap_client_id": "c"}),
        (AuthMode.GOOGLE_ACCESS_TOKEN, {"auth": "google_access_token"}),
        (AuthMode.NONE, {"auth": "none", "password": "t"}),
    ],
)
def test_what_is_given_decides_unless_said(mode: AuthMode, given: dict[str, Any]) -> None:
    """Left out, the mode is the one whose credential is there."""
    assert read(**given).auth is mode


def test_a_host_may_be_in_parts() -> None:
    """A connection written as a URI has its scheme and its port in fields of their own."""
    connection = Connection(conn_id="c", conn_type="kfp", host="ml-pipeline", port=8888, schema="http")
    assert KFPConnection.read(connection).host == "http://ml-pipeline:8888"


def test_secrets_are_known_and_not_shown() -> None:
    """Every secret is named for masking, and none stands in the text of the settings."""
    headers, proxy = {"x-token": f"Bearer {SECRET}-2"}, f"http://me:{SECRET}%40@proxy:8080"
    settings = read(password=SECRET, headers=headers, proxy=proxy, cookies=f"a=b; session={SECRET}-4 ")
    assert {SECRET, f"{SECRET}-2", f"{SECRET}%40", f"{SECRET}@", f"{SECRET}-4"} <= set(settings.secrets)
    assert SECRET not in repr(settings)


def test_the_form_has_the_fields_that_are_read() -> None:
    """Each field that Airflow's form offers is one that the hook reads, and the other way round."""
    [form] = get_provider_info()["connection-types"]
    read_ones = set(KFPConnection.__dataclass_fields__) - {"host", "password"}
    assert set(form["conn-fields"]) == read_ones
    assert set(form["conn-fields"]["auth"]["schema"]["enum"]) == set(AuthMode)
    secret = {name for name, field in form["conn-fields"].items() if field["schema"].get("format")}
    assert secret == {"cookies", "headers", "proxy"}
    assert (KFPRunHook.conn_type, KFPRunHook.hook_name) == (form["connection-type"], form["hook-name"])


@pytest.mark.parametrize(
    ("extra", "page"),
    [
        ({}, "https://kubeflow.example/_/pipeline/#/runs/details/r"),
        ({"namespace": "team"}, "https://kubeflow.example/_/pipeline/?ns=team#/runs/details/r"),
        ({"ui_url": "http://localhost:8080/"}, "http://localhost:8080/#/runs/details/r"),
        (
            {"ui_url": "https://ui.example/_/pipeline/", "namespace": "team"},
            "https://ui.example/_/pipeline/?ns=team#/runs/details/r",
        ),
    ],
)
def test_pages(extra: dict[str, str], page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's page is the server's own, or that of full Kubeflow with its namespace."""
    connection = {"conn_type": "kfp", "host": HOST, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(connection))
    assert KFPRunHook().page_url("r") == page


def test_what_is_read_from_a_file_is_not_kept(tmp_path: Path) -> None:
    """The settings hold the path of a token, and never the token."""
    path = tmp_path / "token"
    path.write_text(SECRET)
    assert SECRET not in str(vars(read(token_file=str(path))))
