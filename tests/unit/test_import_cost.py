"""A DAG that uses this provider is parsed as cheaply as one that does not."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNS = 5
SECONDS = 0.15
BYTES = 10_000_000
HEAVY = (
    "airflow.models",
    "airflow.providers.google",
    "google",
    "googleapiclient",
    "grpc",
    "grpc_status",
    "kfp",
    "kfp_server_api",
    "numpy",
    "pandas",
    "requests",
    "sqlalchemy",
    "yaml",
)
SCRIPT = Path(__file__).with_name("import_cost.py")


@pytest.fixture(scope="module")
def measured() -> list[dict[str, Any]]:
    """Import everything in fresh processes, one after the other."""
    return [
        json.loads(
            subprocess.run(
                [sys.executable, str(SCRIPT)], check=True, capture_output=True, text=True
            ).stdout.splitlines()[-1]
        )
        for _ in range(RUNS)
    ]


def test_everything_was_imported(measured: list[dict[str, Any]]) -> None:
    """The measure covers the operators, sensors, triggers, links and the metadata."""
    imported = measured[0]["imported"]
    assert {
        "airflow_mljobs.links.vertex_ai",
        "airflow_mljobs.operators.vertex_ai.custom_job",
        "airflow_mljobs.operators.vertex_ai.pipeline_job",
        "airflow_mljobs.provider_info",
        "airflow_mljobs.sensors.kfp",
        "airflow_mljobs.sensors.mlengine",
        "airflow_mljobs.sensors.vertex_ai",
        "airflow_mljobs.triggers.vertex_ai",
    } <= set(imported)
    assert set(imported) - set(measured[0]["added"]) <= {"airflow_mljobs.provider_info"}


@pytest.mark.parametrize("package", HEAVY)
def test_no_client_is_loaded(measured: list[dict[str, Any]], package: str) -> None:
    """No client of a service, and nothing else that is heavy, comes along with an import."""
    added = measured[0]["added"]
    assert [name for name in added if name == package or name.startswith(f"{package}.")] == []


def test_no_hook_is_loaded(measured: list[dict[str, Any]]) -> None:
    """Hooks, which import the clients, are imported when a task runs."""
    assert [name for name in measured[0]["added"] if name.startswith("airflow_mljobs.hooks")] == []


def test_it_takes_little_time(measured: list[dict[str, Any]]) -> None:
    """All modules together add at most 0.15 seconds of work."""
    assert statistics.median(run["seconds"] for run in measured) <= SECONDS


def test_it_takes_little_memory(measured: list[dict[str, Any]]) -> None:
    """All modules together add at most 10 MB."""
    assert statistics.median(run["bytes"] for run in measured) <= BYTES
