"""An Airflow without a metadata database: connections come from the environment."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def google_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the default connection a project, and hooks an address that nobody listens on."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT",
        '{"conn_type": "google_cloud_platform", "extra": {"project": "the-project"}}',
    )
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", "localhost:1")


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have triggers wait for the end of no worker, as there is none."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    monkeypatch.setattr("airflow_mljobs.triggers.base.WORKER_TOLD_WITHIN", 0.0)
