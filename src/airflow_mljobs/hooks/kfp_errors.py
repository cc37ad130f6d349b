"""What can go wrong in speaking to a Kubeflow Pipelines server, in words that can be shown.

The client's own texts hold response headers, among them cookies; these hold none.
"""

from __future__ import annotations

import json
import ssl
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException
from kfp_server_api.exceptions import ApiException
from urllib3 import exceptions as urllib3

from airflow_mljobs.hooks.retry_after import seconds_in
from airflow_mljobs.jobs import FailureKind

WORDS = 500
ALREADY_EXISTS = 6
"""As ``google.rpc.Code`` has it."""

KINDS = {
    400: FailureKind.INVALID,
    401: FailureKind.DENIED,
    403: FailureKind.DENIED,
    404: FailureKind.MISSING,
    409: FailureKind.OTHER,
    429: FailureKind.QUOTA,
    501: FailureKind.OTHER,
}


class KFPServerError(ApiException):  # type: ignore[misc]
    """A refusal; also an ``ApiException``, without the answer's headers.

    :param status: the HTTP status.
    :param message: the server's words.
    :param code: its ``google.rpc.Code``; none when something before the server answered.
    """

    retry_after: float | None = None
    """Seconds for which it asks to be left alone."""

    def __init__(self, *, status: int, message: str, code: int | None = None) -> None:
        super().__init__(status=status, reason=message)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} (HTTP {self.status})"

    @property
    def by_server(self) -> bool:
        """Whether the API server itself said so, and not a proxy before it."""
        return self.code is not None

    @property
    def kind(self) -> FailureKind:
        """What it means for whoever met it."""
        if self.code == ALREADY_EXISTS:
            return FailureKind.EXISTS
        if self.status == 404 and not self.by_server:
            # A proxy that has lost its way knows nothing of runs.
            return FailureKind.UNAVAILABLE
        if self.status < 300 or self.status >= 500:
            # No answer of the server's, also when it is called one: whatever garbled it may be gone soon.
            return KINDS.get(self.status, FailureKind.UNAVAILABLE)
        return KINDS.get(self.status, FailureKind.OTHER)


class KFPLoginRequired(KFPServerError):
    """A proxy before the server answered with a page to log in, as it does without a session."""

    @property
    def kind(self) -> FailureKind:
        """Say that access is denied, for however long."""
        return FailureKind.DENIED


class KFPRunRefused(KFPServerError):
    """The server met an error of its own over a new run, and kept none.

    It answers so to a wrong request too, and the same request would meet the same.
    """

    @property
    def kind(self) -> FailureKind:
        """Keep it from being sent again."""
        return FailureKind.OTHER


class KFPUnreachable(ConnectionError):
    """No answer came.

    :param message: what happened.
    :param sent: whether the request may have reached the server.
    """

    kind: FailureKind = FailureKind.UNAVAILABLE

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class KFPNoToken(KFPUnreachable):
    """There are no credentials to ask with, or they were revoked; nothing was sent.

    :param message: what happened.
    """

    kind = FailureKind.DENIED

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class KFPNotSupported(AirflowFailException):
    """This server, or this generation of its API, cannot do it; the text says which can."""


def from_client(error: BaseException) -> BaseException:
    """Translate an error of the client's, or of what it stands on."""
    match error:
        case KFPServerError():
            return error
        case ApiException():
            headers = error.headers or {}
            made = refusal(error.status or 0, headers.get("content-type", ""), error.body)
            made.retry_after = seconds_in(headers.get("retry-after"))
            return made
        case urllib3.HTTPError():
            reason = getattr(error, "reason", None) or error
            return KFPUnreachable(f"{type(reason).__name__}: {_brief(reason)}", sent=_was_sent(reason))
    return error


def refusal(status: int, kind: str, body: Any) -> KFPServerError:
    """Read an answer that is not what was asked for.

    :param status: its HTTP status.
    :param kind: its content type.
    :param body: its text.
    """
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    if 300 <= status < 400 or ("text/html" in kind and status < 500 and status != 404):
        return KFPLoginRequired(
            status=status,
            message="Instead of the API a login page answered: the connection's credentials are missing, "
            "have expired, or are not what the proxy before the server asks for",
        )
    try:
        answer = json.loads(text)
        words = next((answer[name] for name in ("message", "error", "error_message") if answer.get(name)), "")
        code = answer.get("code")
    except (ValueError, AttributeError):
        words, code = "", None
    if not words:
        words = f"No API of Kubeflow Pipelines answered, but: {_brief(text) or kind or 'nothing'}"
    return KFPServerError(status=status, message=str(words), code=code)


def _was_sent(reason: Any) -> bool:
    unsent = (
        urllib3.NewConnectionError,
        urllib3.ConnectTimeoutError,
        urllib3.NameResolutionError,
        urllib3.ProxyError,
    )
    if isinstance(reason, urllib3.SSLError):
        # Only a certificate is judged before anything is sent; other trouble may come after it.
        return not isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return not isinstance(reason, unsent)


def _brief(text: Any) -> str:
    return " ".join(str(text).split())[:WORDS]
