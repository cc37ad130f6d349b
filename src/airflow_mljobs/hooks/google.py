"""Credentials, endpoints, clients and errors: what the Google services have in common."""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import requests
from airflow.providers.common.compat.sdk import redact
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.rpc.error_details_pb2 import RetryInfo

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.hooks.google_access import account_of, complaint
from airflow_mljobs.jobs import FailureKind

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")

DEFAULT_REGION = "us-central1"
"""As Google's own SDK for Vertex AI has it."""

REQUEST_TIMEOUT = 60.0
"""Seconds that one request may take, unless the caller says otherwise."""

KINDS: Mapping[type[BaseException], FailureKind] = {
    api.NotFound: FailureKind.MISSING,
    api.AlreadyExists: FailureKind.EXISTS,
    api.Unauthorized: FailureKind.DENIED,
    api.Forbidden: FailureKind.DENIED,
    api.TooManyRequests: FailureKind.QUOTA,
    api.BadRequest: FailureKind.INVALID,
    api.FailedPrecondition: FailureKind.OTHER,
    api.ServerError: FailureKind.UNAVAILABLE,
    api.MethodNotImplemented: FailureKind.OTHER,
    api.Aborted: FailureKind.UNAVAILABLE,
    api.RetryError: FailureKind.UNAVAILABLE,
    auth.TransportError: FailureKind.UNAVAILABLE,
    auth.TimeoutError: FailureKind.UNAVAILABLE,
    requests.ConnectionError: FailureKind.UNAVAILABLE,
    requests.exceptions.ChunkedEncodingError: FailureKind.UNAVAILABLE,
    requests.Timeout: FailureKind.UNAVAILABLE,
    ConnectionError: FailureKind.UNAVAILABLE,
    TimeoutError: FailureKind.UNAVAILABLE,
}
"""The nearest of an error's own classes decides: https://cloud.google.com/apis/design/errors."""


class GoogleJobHook(GoogleBaseHook, JobHook):
    """Base of the hooks for Google's services.

    The connection is the Google provider's ``google_cloud_platform``, with two extras more:
    ``api_endpoint`` (``host:port`` of a private endpoint) and ``console_url`` (where job pages live).
    An emulator is named by the environment variable in `emulator_variable`; it is spoken to without
    encryption and without credentials.
    """

    emulator_variable: ClassVar[str]
    viewing_role: ClassVar[str]
    """A role that may list jobs; for error texts."""

    def __init__(self, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, **kwargs)
        self._clients: dict[tuple[type, str | None], Any] = {}

    @property
    def emulator_host(self) -> str | None:
        """Address of the emulator, unless the connection names an endpoint of its own."""
        return None if self.api_endpoint else os.environ.get(self.emulator_variable) or None

    @cached_property
    def api_endpoint(self) -> str | None:
        """The endpoint that the connection asks for."""
        endpoint: str | None = self._get_field("api_endpoint", None)
        return endpoint or None

    @cached_property
    def console_url(self) -> str:
        """Where the pages of the service's console begin."""
        return str(self._get_field("console_url", None) or "https://console.cloud.google.com").rstrip("/")

    def get_credentials_and_project_id(self) -> tuple[Credentials, str | None]:
        """Return the connection's credentials, or anonymous ones for an emulator."""
        if self.emulator_host:
            return AnonymousCredentials(), self._get_field("project", None)  # type: ignore[no-untyped-call]
        return super().get_credentials_and_project_id()

    def resolve_project(self, project_id: str | None) -> str:
        """Return the project given, or else the connection's.

        :raises InvalidJobSpec: when neither is set.
        """
        project = project_id or self.project_id
        if not project:
            raise InvalidJobSpec(
                field="project_id",
                value=project_id,
                rule=f"give it, or set the project of connection {self.gcp_conn_id}",
            )
        return project

    def test_connection(self, project_id: str | None = None, region: str | None = None) -> tuple[bool, str]:
        """Say whether jobs may be listed, and by whom, or what is wrong and what to do; nothing is changed.

        ``airflow connections test`` does not come here: the type of the connection is the Google provider's,
        whose own test asks for a token, and none of the services that these hooks are for.

        :param project_id: default the connection's.
        :param region: where the jobs are; default `DEFAULT_REGION`. AI Platform knows no regions.
        """
        try:
            found = self.list_one(self.resolve_project(project_id), region or DEFAULT_REGION)
            text, well = f"{found}, asked by {account_of(self.get_credentials())}.", True
        except Exception as error:
            text, well = complaint(error, role=self.viewing_role), False
        return well, str(redact(text))

    @abstractmethod
    def list_one(self, project_id: str, region: str) -> str:
        """List a job, or none where there is none, and say in words what may be listed where."""

    def failure_kind(self, error: BaseException) -> FailureKind:
        """Say what an error means, by the nearest of its classes."""
        if isinstance(error, auth.RefreshError):
            # A revoked key stays revoked; a token server that was out of reach comes back.
            return FailureKind.UNAVAILABLE if error.retryable else FailureKind.DENIED
        return next((KINDS[kind] for kind in type(error).__mro__ if kind in KINDS), FailureKind.OTHER)

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds in the ``RetryInfo`` of an error (https://google.aip.dev/193)."""
        details = error.details if isinstance(error, api.GoogleAPICallError) else ()
        delays = (detail.retry_delay for detail in details if isinstance(detail, RetryInfo))
        return next((delay.ToMicroseconds() / 1e6 for delay in delays), None)

    def close(self) -> None:
        """Close every client's channel."""
        super().close()
        while self._clients:
            _, client = self._clients.popitem()
            client.transport.close()


def check_type(field: str, value: Any, *kinds: type) -> None:
    """Hold a value to its type; nothing at all is always fine.

    :raises InvalidJobSpec: when it is of none of these types.
    """
    if value is not None and not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        rule = f"is of type {wanted}, not {type(value).__name__}"
        raise InvalidJobSpec(field=field, value=value, rule=rule)


def check_display_name(display_name: str) -> None:
    """Hold a display name to the services' rule.

    :raises InvalidJobSpec: when it breaks it.
    """
    if not display_name or len(display_name) > 128:
        raise InvalidJobSpec(field="display_name", value=display_name, rule="has 1 to 128 characters")


def check_labels(labels: Mapping[str, Any]) -> None:
    """Hold labels to the rules of https://cloud.google.com/vertex-ai/docs/general/labels-best-practices.

    :raises InvalidJobSpec: naming the first label that breaks one.
    """
    for key, value in labels.items():
        if not LABEL_KEY.fullmatch(str(key)):
            raise InvalidJobSpec(
                field="labels",
                value=key,
                rule="a key begins with a lower-case letter and has at most 63 of a-z, 0-9, _ and -",
            )
        if not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
            raise InvalidJobSpec(
                field=f"labels[{key!r}]",
                value=value,
                rule="a value is a string of at most 63 of a-z, 0-9, _ and -",
            )
    if len(labels) > 64:
        raise InvalidJobSpec(field="labels", value=len(labels), rule="a job has at most 64 labels")
