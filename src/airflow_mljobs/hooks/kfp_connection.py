"""What a connection of type ``kfp`` says, held to its rules before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from airflow_mljobs.exceptions import InvalidJobSpec

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

Generation = Literal["v1beta1", "v2beta1"]

API_VERSIONS = ("auto", "v1beta1", "v2beta1")
CONNECT_TIMEOUT = 10
READ_TIMEOUT = 60
SECRET = "***"

IN_HASTE = (5, 15)
"""Seconds to connect and to read at the most, where somebody waits for the answer."""


class AuthMode(StrEnum):
    """Ways to show the server, or the proxy before it, who is asking."""

    NONE = "none"
    BEARER = "bearer"
    TOKEN_FILE = "token_file"
    COOKIE = "cookie"
    HEADERS = "headers"
    GOOGLE_ID_TOKEN = "google_id_token"
    GOOGLE_ACCESS_TOKEN = "google_access_token"


NEEDED: Mapping[AuthMode, str] = {
    AuthMode.BEARER: "password",
    AuthMode.TOKEN_FILE: "token_file",
    AuthMode.COOKIE: "cookies",
    AuthMode.HEADERS: "headers",
    AuthMode.GOOGLE_ID_TOKEN: "iap_client_id",
}
"""The field without which a mode has nothing to show; where no mode is named, the first one set decides."""


@dataclass(frozen=True, kw_only=True)
class KFPConnection:
    """The fields of a connection; secrets are kept out of its ``repr``.

    :param host: where the API begins, with the path of a proxy: ``https://kubeflow.example/pipeline``.
    :param auth: how to authenticate.
    :param password: the token of mode ``bearer``.
    :param token_file: a file with a token, which may be replaced at any time.
    :param iap_client_id: OAuth client id of the Identity-Aware Proxy.
    :param cookies: what a browser sends: ``authservice_session=…``.
    :param headers: sent with every request.
    :param namespace: where runs are listed and experiments looked up; multi-user servers need it.
    :param api_version: ``auto`` asks the server.
    :param ui_url: where run pages begin, when that is not the host; of full Kubeflow up to ``/_/pipeline``.
    :param verify_ssl: whether to check the server's certificate.
    :param ssl_ca_cert: file with the authorities to trust.
    :param cert_file: file with the client's certificate.
    :param key_file: file with that certificate's key.
    :param proxy: URL of an HTTP proxy.
    :param connect_timeout: seconds in which a connection must stand.
    :param read_timeout: seconds for which the server may be silent.
    """

    host: str
    auth: AuthMode = AuthMode.NONE
    password: str | None = field(default=None, repr=False)
    token_file: str | None = None
    iap_client_id: str | None = None
    cookies: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    namespace: str | None = None
    api_version: str = "auto"
    ui_url: str | None = None
    verify_ssl: bool = True
    ssl_ca_cert: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_timeout: int = CONNECT_TIMEOUT
    read_timeout: int = READ_TIMEOUT

    @property
    def timeout(self) -> tuple[int, int]:
        """Seconds to connect and to read; the client ignores a single number that is no integer."""
        return self.connect_timeout, self.read_timeout

    @property
    def in_haste(self) -> KFPConnection:
        """The same with timeouts of no more than `IN_HASTE`."""
        connect, read = map(min, self.timeout, IN_HASTE)
        return replace(self, connect_timeout=connect, read_timeout=read)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Whatever must never be shown."""
        login = urlsplit(self.proxy or "").password or ""
        cookies = [part.partition("=")[2].strip() for part in (self.cookies or "").split(";")]
        tokens = [text for value in self.headers.values() for text in (value, value.rpartition(" ")[2])]
        found = (self.password, self.cookies, *cookies, *tokens, login, unquote(login))
        return tuple(text for text in found if text)

    @classmethod
    def read(cls, connection: Connection) -> KFPConnection:
        """Read and check a connection of Airflow's.

        :raises InvalidJobSpec: naming the field, its value unless that is secret, and the rule.
        """
        extra = connection.extra_dejson
        given = {name: extra.get(name) for name in (*TEXTS, *FILES)}
        for name, value in given.items():
            if value is not None and not isinstance(value, str):
                raise InvalidJobSpec(field=name, value=type(value).__name__, rule="is a text")
        texts = {name: value for name, value in given.items() if value}
        for name in FILES:
            if name in texts and not Path(texts[name]).is_file():
                raise InvalidJobSpec(field=name, value=texts[name], rule="is a file that can be read")
        if ("cert_file" in texts) != ("key_file" in texts):
            raise InvalidJobSpec(
                field="cert_file", value=texts.get("cert_file"), rule="comes together with key_file"
            )
        fields: dict[str, Any] = {
            **texts,
            "password": connection.password or None,
            "headers": _headers(extra.get("headers")),
            "verify_ssl": _boolean("verify_ssl", extra.get("verify_ssl"), True),
            "connect_timeout": _seconds("connect_timeout", extra.get("connect_timeout"), CONNECT_TIMEOUT),
            "read_timeout": _seconds("read_timeout", extra.get("read_timeout"), READ_TIMEOUT),
            "host": _url("host", _host_of(connection)),
        }
        for name in ("ui_url", "proxy"):
            if name in texts:
                fields[name] = _url(name, texts[name], login=name == "proxy")
        if fields.get("api_version", "auto") not in API_VERSIONS:
            raise InvalidJobSpec(
                field="api_version", value=fields["api_version"], rule=f"is one of {', '.join(API_VERSIONS)}"
            )
        return cls(**fields | {"auth": _auth_mode(fields.get("auth"), fields)})


TEXTS = (
    "auth",
    "token_file",
    "iap_client_id",
    "cookies",
    "namespace",
    "api_version",
    "ui_url",
    "proxy",
)
FILES = ("ssl_ca_cert", "cert_file", "key_file")


def _host_of(connection: Connection) -> str:
    host = connection.host or ""
    if host and "://" not in host and connection.schema in {"http", "https"}:
        host = f"{connection.schema}://{host}"
    parts = urlsplit(host)
    if connection.port and parts.netloc == parts.hostname:
        host = parts._replace(netloc=f"{parts.netloc}:{connection.port}").geturl()
    return host


def _url(name: str, value: str, *, login: bool = False) -> str:
    shown = SECRET if "@" in value else value
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        rule = "is a whole URL, such as https://kubeflow.example/pipeline"
        raise InvalidJobSpec(field=name, value=shown, rule=rule)
    if "@" in parts.netloc and not login:
        raise InvalidJobSpec(field=name, value=shown, rule="holds no user and no password")
    if parts.query or parts.fragment:
        raise InvalidJobSpec(field=name, value=shown, rule="ends with its path: no query, no fragment")
    return value.rstrip("/")


def _seconds(name: str, value: Any, default: int) -> int:
    if value is None or value == "":
        return default
    try:
        seconds = int(value)
    except (TypeError, ValueError, OverflowError):
        seconds = 0
    if seconds < 1 or isinstance(value, bool) or seconds != float(value):
        raise InvalidJobSpec(field=name, value=value, rule="is a whole number of seconds, at least 1")
    return seconds


def _boolean(name: str, value: Any, default: bool) -> bool:
    if value is None or value == "":
        return default
    known = {"true": True, "false": False}.get(str(value).lower())
    if known is None:
        raise InvalidJobSpec(field=name, value=value, rule="is true or false")
    return known


def _headers(value: Any) -> dict[str, str]:
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            value = SECRET
    if not value:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise InvalidJobSpec(field="headers", value=SECRET, rule="is a JSON object of texts")
    return value


def _auth_mode(name: Any, fields: Mapping[str, Any]) -> AuthMode:
    if not name:
        return next((mode for mode, needed in NEEDED.items() if fields.get(needed)), AuthMode.NONE)
    if name not in set(AuthMode):
        raise InvalidJobSpec(field="auth", value=name, rule=f"is one of {', '.join(AuthMode)}")
    mode = AuthMode(name)
    if (needed := NEEDED.get(mode)) and not fields.get(needed):
        raise InvalidJobSpec(field=needed, value=None, rule=f"is required with auth {mode}")
    return mode
