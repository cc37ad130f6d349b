"""A server that says what it was asked, and hooks that ask it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kfp_witness import Connect, Witness, witness

from airflow_mljobs.hooks.kfp import KFPRunHook


@pytest.fixture
def server() -> Iterator[Witness]:
    """A server that says what it was asked."""
    with witness() as found:
        yield found


@pytest.fixture
def connect(server: Witness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make a hook for a connection that says these things."""
    made: list[KFPRunHook] = []

    def make(*, password: str | None = None, host: str | None = None, **extra: Any) -> KFPRunHook:
        extra = {"api_version": "v2beta1", "connect_timeout": 1, "read_timeout": 1} | extra
        connection = {"conn_type": "kfp", "host": host or server.url, "password": password, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(connection))
        made.append(KFPRunHook())
        return made[-1]

    yield make
    for hook in made:
        hook.close()
