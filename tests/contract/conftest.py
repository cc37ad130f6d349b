"""One emulator for the whole suite, and the services and modes that every test runs for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_mljobs.emulator.server import Emulator
from contract.drive import Task
from contract.services import SERVICES
from contract.services.base import Service


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator whose jobs take a fifth of a second, and the environment that leads to it."""
    connection = {"conn_type": "google_cloud_platform", "extra": {"project": "contract"}}
    with (
        Emulator(data=tmp_path_factory.mktemp("emulator"), seconds=0.2, cancel_seconds=0.1) as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("VERTEX_AI_EMULATOR_HOST", emulator.grpc_address)
        patch.setenv("ML_ENGINE_EMULATOR_HOST", emulator.http_url)
        patch.setenv("STORAGE_EMULATOR_HOST", emulator.http_url)
        for api in ("v1beta1", "v2beta1"):
            extra = {"api_version": api}
            kfp = {"conn_type": "kfp", "host": emulator.http_url, "extra": extra}
            patch.setenv(f"AIRFLOW_CONN_KFP_{api.upper()}", json.dumps(kfp))
        patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        # There is no worker whose end a trigger must outlast.
        patch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
        patch.setattr("airflow_mljobs.triggers.base.WORKER_TOLD_WITHIN", 0.0)
        yield emulator


@pytest.fixture
def emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator, its counters at zero; faults that no request met are a failure of the test."""
    shared_emulator.requests.reset()
    yield shared_emulator
    left = shared_emulator.faults.pending()
    shared_emulator.faults.clear()
    assert left == []


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest, emulator: Emulator) -> Service:
    """Each service in turn."""
    assert isinstance(request.param, Service)
    return request.param


@pytest.fixture(params=["worker", "deferrable"])
def mode(request: pytest.FixtureRequest) -> str:
    """Where the task waits."""
    return str(request.param)


@pytest.fixture
def task() -> Task:
    """A task instance that never ran before."""
    return Task()
