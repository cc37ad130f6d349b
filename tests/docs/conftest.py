"""An emulator for what the pages tell a reader to run."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_mljobs.emulator.server import Emulator


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator, and the environment that leads to it."""
    google = {"conn_type": "google_cloud_platform", "extra": {"project": "my-project"}}
    with (
        Emulator(data=tmp_path_factory.mktemp("emulator"), seconds=0.2) as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("VERTEX_AI_EMULATOR_HOST", emulator.grpc_address)
        patch.setenv("ML_ENGINE_EMULATOR_HOST", emulator.http_url)
        patch.setenv("STORAGE_EMULATOR_HOST", emulator.http_url)
        patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(google))
        patch.setenv("AIRFLOW_CONN_KFP_DEFAULT", json.dumps({"conn_type": "kfp", "host": emulator.http_url}))
        yield emulator
        emulator.faults.clear()
