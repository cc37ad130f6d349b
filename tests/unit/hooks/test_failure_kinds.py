"""What the errors of the clients mean."""

from __future__ import annotations

import inspect

import pytest
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from airflow_mljobs.hooks.vertex_ai.custom_job import CustomJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_job import PipelineJobHook
from airflow_mljobs.jobs import FailureKind

KINDS: dict[type[BaseException], FailureKind] = {
    api.InvalidArgument: FailureKind.INVALID,
    api.FailedPrecondition: FailureKind.OTHER,
    api.OutOfRange: FailureKind.INVALID,
    api.Unauthenticated: FailureKind.DENIED,
    api.PermissionDenied: FailureKind.DENIED,
    api.NotFound: FailureKind.MISSING,
    api.AlreadyExists: FailureKind.EXISTS,
    api.Aborted: FailureKind.UNAVAILABLE,
    api.ResourceExhausted: FailureKind.QUOTA,
    api.Cancelled: FailureKind.OTHER,
    api.Unknown: FailureKind.UNAVAILABLE,
    api.InternalServerError: FailureKind.UNAVAILABLE,
    api.DataLoss: FailureKind.UNAVAILABLE,
    api.MethodNotImplemented: FailureKind.OTHER,
    api.ServiceUnavailable: FailureKind.UNAVAILABLE,
    api.DeadlineExceeded: FailureKind.UNAVAILABLE,
    api.BadGateway: FailureKind.UNAVAILABLE,
    api.Conflict: FailureKind.OTHER,
    api.MovedPermanently: FailureKind.OTHER,
    auth.TransportError: FailureKind.UNAVAILABLE,
    auth.RefreshError: FailureKind.DENIED,
    auth.TimeoutError: FailureKind.UNAVAILABLE,
    auth.DefaultCredentialsError: FailureKind.OTHER,
    requests.ConnectionError: FailureKind.UNAVAILABLE,
    requests.ReadTimeout: FailureKind.UNAVAILABLE,
    requests.exceptions.InvalidURL: FailureKind.OTHER,
    ConnectionResetError: FailureKind.UNAVAILABLE,
    BrokenPipeError: FailureKind.UNAVAILABLE,
    TimeoutError: FailureKind.UNAVAILABLE,
    FileNotFoundError: FailureKind.OTHER,
    ValueError: FailureKind.OTHER,
    KeyError: FailureKind.OTHER,
}

GRPC_ERRORS = {
    kind
    for kind in vars(api).values()
    if inspect.isclass(kind) and issubclass(kind, api.GoogleAPICallError) and kind.grpc_status_code
}


@pytest.mark.parametrize("hook_class", [CustomJobHook, PipelineJobHook])
@pytest.mark.parametrize("error", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_has_a_meaning(
    error: type[BaseException], hook_class: type[CustomJobHook | PipelineJobHook]
) -> None:
    """An error is judged by the nearest of its classes, alike in every hook."""
    assert KINDS[error] is hook_class().failure_kind(error("said the service"))


def test_an_exhausted_retry_is_silence() -> None:
    """A retry of the client that ran out of time says that nobody answered."""
    error = api.RetryError("timed out", cause=ConnectionError())
    assert FailureKind.UNAVAILABLE is CustomJobHook().failure_kind(error)


@pytest.mark.parametrize("error", sorted(GRPC_ERRORS, key=str), ids=lambda kind: kind.__name__)
def test_every_grpc_status_is_judged(error: type[api.GoogleAPICallError]) -> None:
    """No status of the protocol was forgotten in the table above."""
    assert [kind for kind in error.__mro__ if kind in KINDS] != []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (api.ServiceUnavailable("x"), True),
        (api.ResourceExhausted("x"), True),
        (api.DeadlineExceeded("x"), True),
        (api.PermissionDenied("x"), False),
        (api.NotFound("x"), False),
        (api.AlreadyExists("x"), False),
        (api.InvalidArgument("x"), False),
        (ValueError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_is_transient(error: BaseException, expected: bool) -> None:
    """A request is repeated only where the same request may succeed later."""
    assert expected is CustomJobHook().is_transient(error)


def test_a_token_server_that_is_out_of_reach_comes_back() -> None:
    """A refresh that may be tried again is silence, and no refusal."""
    error = auth.RefreshError("said the token server", retryable=True)
    assert FailureKind.UNAVAILABLE is CustomJobHook().failure_kind(error)
