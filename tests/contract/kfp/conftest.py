"""Each generation in turn, and servers and connections of a test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.hooks.kfp import KFPRunHook
from contract.services.base import Service
from contract.services.kfp import KFP_RUN_V1, KFP_RUN_V2


@pytest.fixture(params=[KFP_RUN_V2, KFP_RUN_V1], ids=lambda service: service.name)
def service(request: pytest.FixtureRequest, emulator: Emulator) -> Service:
    """Each generation in turn."""
    assert isinstance(request.param, Service)
    return request.param


@pytest.fixture
def server(emulator: Emulator) -> Iterator[Any]:
    """The server's settings, to be changed by a test and put back after it."""
    before = asdict(emulator.kfp.settings)
    yield emulator.kfp
    emulator.kfp.change(before)


@pytest.fixture
def connect(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make hooks for connections of the test's own."""

    def make(**extra: Any) -> KFPRunHook:
        connection = {"conn_type": "kfp", "host": emulator.http_url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps(connection))
        return KFPRunHook()

    return make
