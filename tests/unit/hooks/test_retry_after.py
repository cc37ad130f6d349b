"""For how long a service asks to be left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from google.api_core import exceptions as api
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from googleapiclient.errors import HttpError
from httplib2 import Response

from airflow_mljobs.hooks.google_http import as_api_error
from airflow_mljobs.hooks.mlengine import MLEngineJobHook
from airflow_mljobs.hooks.retry_after import seconds_in


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Wed, 21 Oct 2015 07:28:00", None),
    ],
)
def test_a_header_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    """Seconds are taken as they are, a date that has passed is now, and what is neither is nothing."""
    assert seconds_in(text) == seconds


def test_a_date_is_counted_from_now() -> None:
    """A date is as many seconds away as it is."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 80 < (seconds_in(later) or 0) <= 90


def test_details_of_an_error_tell() -> None:
    """Of an error's details, the one that is about waiting is read."""
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(2_500)
    error = api.ResourceExhausted("later", details=[ErrorInfo(reason="x"), info])  # type: ignore[no-untyped-call]
    assert MLEngineJobHook().retry_after(error) == 2.5


@pytest.mark.parametrize("error", [api.ResourceExhausted("later"), ConnectionError("gone")])  # type: ignore[no-untyped-call]
def test_most_errors_tell_nothing(error: BaseException) -> None:
    """An error that says nothing of waiting asks for none."""
    assert MLEngineJobHook().retry_after(error) is None


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ({"retry-after": "9"}, [], 9.0),
        ({}, [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}], 3.5),
        ({"retry-after": "9"}, [{"@type": "x", "retryDelay": "3.5s"}], 3.5),
        ({}, [{"@type": "x", "reason": "y"}], None),
        ({"retry-after": "soon"}, [], None),
    ],
)
def test_an_answer_over_http_tells(
    header: dict[str, str], details: list[dict[str, str]], seconds: float | None
) -> None:
    """The error's own details count, and else the header of its answer."""
    envelope = {
        "error": {"code": 429, "message": "later", "status": "RESOURCE_EXHAUSTED", "details": details}
    }
    answer = HttpError(Response({"status": "429", **header}), json.dumps(envelope).encode())
    assert MLEngineJobHook().retry_after(as_api_error(answer)) == seconds
