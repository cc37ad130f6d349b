"""Airflow's own tests of a connection to Kubeflow Pipelines: on the API server, and on a worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import airflow
import pytest
from packaging.version import Version

from processes import wait_until
from stack import Stack

TOKEN = "the-right-token"
LOST = "failed unexpectedly: ServerResponseError"
"""What Airflow says when its worker asked twice for the connection, which is handed out once.

It does so when the first answer took too long, as on a busy machine; no hook was called then.
"""

CASES = pytest.mark.parametrize(
    ("token", "well", "words"),
    [
        (TOKEN, True, "asked with a bearer token. Runs may be listed"),
        ("another", False, "The server does not know who asks"),
    ],
)


@pytest.fixture
def guarded(stack: Stack) -> Iterator[dict[str, str]]:
    """A connection that is not saved, to a server that asks for a token."""
    stack.emulator.set_kfp(token=TOKEN)
    yield {"connection_id": "not_saved", "conn_type": "kfp", "host": stack.emulator.url}
    stack.emulator.set_kfp(token="")


@CASES
def test_on_the_api_server(token: str, well: bool, words: str, stack: Stack, guarded: dict[str, str]) -> None:
    """Whoever asks gets the hook's words."""
    told = stack.airflow.api("POST", "connections/test", json=guarded | {"password": token})

    assert (told["status"], words in told["message"]) == (well, True), told


@pytest.mark.skipif(Version(airflow.__version__) < Version("3.3"), reason="tests on workers came with 3.3")
@CASES
def test_on_a_worker(token: str, well: bool, words: str, stack: Stack, guarded: dict[str, str]) -> None:
    """A worker is handed the connection, and brings the hook's words back."""
    asked = guarded | {"password": token}
    told = told_by_a_worker(stack, asked)
    while LOST in told["result_message"]:
        told = told_by_a_worker(stack, asked)
    assert (told["state"], words in told["result_message"]) == ("success" if well else "failed", True), told


def told_by_a_worker(stack: Stack, connection: dict[str, str]) -> dict[str, Any]:
    """Have a worker test a connection, and return what it told."""
    queued = stack.airflow.api("POST", "connections/enqueue-test", json=connection)
    shown = {"Airflow-Connection-Test-Token": queued["token"]}

    def end() -> dict[str, Any] | None:
        told: dict[str, Any] = stack.airflow.api("GET", "connections/enqueue-test", headers=shown)
        return told if told["state"] in {"success", "failed"} else None

    return wait_until(end, within=60, what="The end of a test on a worker")
