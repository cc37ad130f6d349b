"""Makes the calls of both generations of the API with whichever client is installed.

The generation is the server's, never the client's: where the installed ``kfp-server-api`` has a method for
the wanted generation it is used, and else its transport is given the path.
"""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import kfp_server_api
from airflow.sdk.log import mask_secret
from kfp_server_api.exceptions import ApiException
from urllib3 import Retry, make_headers
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_auth import auth_for
from airflow_mljobs.hooks.kfp_errors import (
    KFPLoginRequired,
    KFPNotSupported,
    KFPServerError,
    KFPUnreachable,
    from_client,
    refusal,
)
from airflow_mljobs.hooks.kfp_operations import Call, call_for

if TYPE_CHECKING:
    from airflow_mljobs.hooks.kfp_connection import Generation, KFPConnection

log = logging.getLogger(__name__)

CLIENT_GENERATION: Generation = "v2beta1" if hasattr(kfp_server_api, "V2beta1Run") else "v1beta1"
"""Which generation the methods of the installed client belong to."""

PLACEHOLDER = "unset"
UNAUTHORIZED = 401


class KFPApi:
    """Speaks to one server; every request has a deadline and is sent once.

    :param settings: the connection.
    :param reread: reads the connection anew.
    """

    def __init__(self, settings: KFPConnection, *, reread: Callable[[], KFPConnection]) -> None:
        self._settings = settings
        self._reread = reread
        self._auth = auth_for(settings)
        self.received = 0
        """Bytes of the last answer."""

    def call(
        self,
        operation: str,
        *arguments: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        generation: Generation | None = None,
    ) -> dict[str, Any]:
        """Make a call and return the answer as plain JSON.

        :param operation: a row of the table in `kfp_operations.TABLE`.
        :param arguments: what the path takes, in its order.
        :param body: a dict, or the client's model.
        :param query: parameters by the names of the HTTP API; the ones that are none are left out.
        :param generation: of the API; default the server's.
        :raises KFPServerError: when the server, or a proxy before it, refuses.
        :raises KFPUnreachable: when no answer comes.
        """
        call = call_for(operation, generation or self.generation)
        given = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
        plain = self._plain(operation, body)
        try:
            return self._send(call, arguments, plain, given)
        except KFPServerError as error:
            unknown = error.status == UNAUTHORIZED or isinstance(error, KFPLoginRequired)
            if not unknown or not self._renew():
                raise
        return self._send(call, arguments, plain, given)

    @cached_property
    def generation(self) -> Generation:
        """The generation that the connection names, or else the newest that the server has.

        :raises KFPServerError: when nothing there is a Kubeflow Pipelines server.
        """
        if self._settings.api_version == "v1beta1":
            return "v1beta1"
        if self._settings.api_version == "v2beta1":
            return "v2beta1"
        try:
            self.call("get_healthz", generation="v2beta1")
        except KFPServerError as error:
            if error.status != 404:
                raise
            self.call("get_healthz", generation="v1beta1")
            return "v1beta1"
        return "v2beta1"

    @cached_property
    def server(self) -> str:
        """What the server says of its version; for error texts."""
        try:
            tag = self.call("get_healthz").get("tag_name")
        except (KFPServerError, KFPUnreachable):
            tag = None
        return f"Kubeflow Pipelines {tag}" if tag else "a Kubeflow Pipelines server of unknown version"

    @property
    def account(self) -> str | None:
        """Whom the token that is shown speaks for, where that can be told."""
        return self._auth.account()

    def not_supported(self, what: str, where: str) -> KFPNotSupported:
        """Make the error for what this server cannot do.

        :param what: the operation, and why not here.
        :param where: which server and API can.
        """
        return KFPNotSupported(f"{what} {self._settings.host} is {self.server}. {where}")

    def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            self._client.rest_client.pool_manager.clear()
            del self._client
            vars(self).pop("_apis", None)

    def _renew(self) -> bool:
        """Get something newer to show: a token, or what stands in the connection by now."""
        if self._auth.renew():
            return True
        try:
            now = self._reread()
        except Exception as error:  # the refusal tells more than that the connection cannot be read
            log.warning("Could not read the connection again: %s", type(error).__name__)
            return False
        newer = replace(self._settings, password=now.password, cookies=now.cookies, headers=now.headers)
        if newer == self._settings or now.auth is not newer.auth:
            return False
        self.close()
        self._settings, self._auth = newer, auth_for(newer)
        return True

    def _plain(self, operation: str, body: Any) -> Any:
        try:
            plain = self._client.sanitize_for_serialization(body)
            json.dumps(plain, allow_nan=False)
        except (TypeError, ValueError, AttributeError) as error:
            raise InvalidJobSpec(
                field=operation, value=type(body).__name__, rule=f"has a JSON form, but: {error}"
            ) from None
        return plain

    def _send(
        self, call: Call, arguments: tuple[str, ...], body: Any, query: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            response = self._request(call, arguments, body, query)
            content, kind = response.data, response.headers.get("content-type", "")
            self.received = len(content)
        except (ApiException, HTTPError) as error:
            raise from_client(error) from None  # the client's own text holds headers
        if not content and "html" not in kind and call.verb != "GET":
            return {}
        try:
            answer: Any = json.loads(content) if "json" in kind else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise refusal(response.status, kind, content)
        return answer

    def _request(self, call: Call, arguments: tuple[str, ...], body: Any, query: dict[str, Any]) -> Any:
        options = {"_preload_content": False, "_request_timeout": self._settings.timeout}
        method = self._method(call)
        if method is None:
            return self._client.call_api(
                call.whole_path,
                call.verb,
                path_params=dict(zip(call.arguments, arguments, strict=True)),
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                auth_settings=["Bearer"],
                _return_http_data_only=True,
                **options,
            )
        named = {name.replace(".", "_"): value for name, value in query.items()}
        bodies = () if body is None else (body,)
        return method(*arguments, *bodies, **named, **options)

    def _method(self, call: Call) -> Any:
        if call.generation != CLIENT_GENERATION:
            return None
        api = self._apis[call.service]
        for name in (call.method, f"{call.service.lower()}_service_{call.method}"):
            method = getattr(api, name, None)
            if method is not None:
                return method
        return None

    @cached_property
    def _apis(self) -> dict[str, Any]:
        names = ("Run", "Experiment", "Pipeline", "Healthz")
        return {name: getattr(kfp_server_api, f"{name}ServiceApi")(self._client) for name in names}

    @cached_property
    def _client(self) -> Any:
        settings = self._settings
        with _levels_kept():
            configuration = kfp_server_api.Configuration(host=settings.host)
        configuration.verify_ssl = settings.verify_ssl
        configuration.ssl_ca_cert = settings.ssl_ca_cert
        configuration.cert_file = settings.cert_file
        configuration.key_file = settings.key_file
        configuration.proxy = settings.proxy
        if settings.proxy and (login := parse_url(settings.proxy).auth):
            configuration.proxy_headers = make_headers(proxy_basic_auth=unquote(login))
        # Only an attempt to connect may be repeated: what was sent may have been carried out. A redirect
        # leads to a login page, whose HTML the client would take for an answer without fields. And of a
        # refusal that asks for patience, nothing would be left but that there were too many.
        configuration.retries = Retry(
            connect=2,
            read=0,
            redirect=0,
            status=0,
            other=0,
            raise_on_redirect=False,
            respect_retry_after_header=False,
        )
        configuration.refresh_api_key_hook = self._show_token
        if self._auth.bears:
            # The client asks for a token only where it has one.
            configuration.api_key["authorization"] = PLACEHOLDER
            configuration.api_key_prefix["authorization"] = "Bearer"
        with _levels_kept():
            client = kfp_server_api.ApiClient(configuration, cookie=settings.cookies)
        for name, value in settings.headers.items():
            client.set_default_header(name, value)
        return client

    def _show_token(self, configuration: Any) -> None:
        token = self._auth.token()
        if token and token != configuration.api_key["authorization"]:
            mask_secret(token)
        configuration.api_key["authorization"] = token


@contextmanager
def _levels_kept() -> Iterator[None]:
    """Undo what making a configuration does to the logging of the whole process."""
    loggers = [logging.getLogger(name) for name in ("urllib3", "kfp_server_api")]
    levels, debug = [logger.level for logger in loggers], http.client.HTTPConnection.debuglevel
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        http.client.HTTPConnection.debuglevel = debug
