"""Carries the requests of a discovery-based client, and brings its errors in the form of the others."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import grpc
import requests
from google.api_core import exceptions as api
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.rpc.error_details_pb2 import RetryInfo
from httplib2 import Response

from airflow_mljobs.hooks.retry_after import seconds_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.auth.credentials import Credentials
    from googleapiclient.errors import HttpError

RATE_LIMITS = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"}
)
"""Reasons for which Google also refuses with 403, though waiting helps."""


class Transport:
    """Stands in for ``httplib2.Http``, which serves one thread only and repeats requests unasked.

    Each thread has a session of its own; each request has a deadline and is sent once.

    :param credentials: whom the requests come from; anonymous ones are sent without any.
    :param timeout: seconds for which the other side may be silent.
    """

    def __init__(self, *, credentials: Credentials, timeout: float) -> None:
        self.credentials = credentials
        self._timeout = timeout
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **unused: Any,
    ) -> tuple[Response, bytes]:
        """Send a request as ``httplib2.Http.request`` would; what it knows beyond that is not needed."""
        answer = self._session().request(method, uri, data=body, headers=headers, timeout=self._timeout)
        fields = {name.lower(): value for name, value in answer.headers.items()}
        response = Response({**fields, "status": str(answer.status_code)})
        response.reason = answer.reason
        return response, answer.content

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            anonymous = isinstance(self.credentials, AnonymousCredentials)
            session = requests.Session() if anonymous else AuthorizedSession(self.credentials)  # type: ignore[no-untyped-call]
            self._local.session = session
            self._sessions.append(session)
        return session

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._sessions:
            self._sessions.pop().close()
        self._local = threading.local()


def as_api_error(error: HttpError) -> api.GoogleAPICallError:
    """Return the error that Google's other clients would raise, with the service's own words.

    :param error: what the discovery-based client raised.
    """
    envelope = _envelope(error.content)
    words = envelope.get("message") or error.reason or "no reason given"
    status = str(envelope.get("status"))
    kind: Any
    if error.status_code == 403 and RATE_LIMITS & set(_reasons(envelope)):
        kind = api.TooManyRequests
    elif status in grpc.StatusCode.__members__:
        kind = api.exception_class_for_grpc_status(grpc.StatusCode[status])  # type: ignore[no-untyped-call]
    elif error.status_code == 409:
        kind = api.AlreadyExists
    elif error.status_code >= 500 or error.status_code == requests.codes.request_timeout:
        # Whoever stood between, a proxy say, and gave no status of the service's.
        kind = api.ServiceUnavailable
    else:
        kind = api.exception_class_for_http_status(error.status_code)  # type: ignore[no-untyped-call]
    details = [*(envelope.get("details") or ()), *_retry_info(error, envelope)]
    made: api.GoogleAPICallError = kind(words, details=details)
    return made


def _retry_info(error: HttpError, envelope: Mapping[str, Any]) -> Iterator[RetryInfo]:
    """Say as gRPC would for how long the service asks to be left alone: the envelope, or else the header."""
    details = envelope.get("details") or ()
    delays = [str(detail.get("retryDelay")) for detail in details if isinstance(detail, dict)]
    texts = [delay.removesuffix("s") for delay in delays] + [error.resp.get("retry-after")]
    for seconds in filter(None, map(seconds_in, texts)):
        info = RetryInfo()
        info.retry_delay.FromMicroseconds(int(seconds * 1e6))
        yield info


def _envelope(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def _reasons(envelope: Mapping[str, Any]) -> list[str]:
    entries = [*envelope.get("errors", ()), *envelope.get("details", ())]
    return [str(entry.get("reason")) for entry in entries if isinstance(entry, dict)]
