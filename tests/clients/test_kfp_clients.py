"""The hook for Kubeflow Pipelines with clients of three generations, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_mljobs.emulator.server import Emulator

CLIENTS = ("1.8.5", "2.5.0", version("kfp-server-api"))
SCRIPT = Path(__file__).with_name("ten_operations.py")
ENVIRONMENTS = Path(__file__).parents[2] / ".local" / "clients"
EXPECTED = {
    "create_run": "active",
    "terminate_run": "cancelled",
    "retry_run": "active",
    "get_run": "cancelled",
    "list_runs": 1,
    "archive_run": "ARCHIVED",
    "unarchive_run": "AVAILABLE",
    "report_run_metrics": "OK",
    "delete_run": "missing",
}

pytestmark = pytest.mark.clients


def environment(client: str) -> Path:
    """Return the interpreter of an environment with this client, made once and kept on disk."""
    folder = ENVIRONMENTS / f"{client}-{sysconfig.get_python_version()}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    # Everything else comes from where the tests run, behind what the environment has itself.
    shared = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, f"kfp-server-api=={client}", "urllib3!=2.6.0"], check=True)
        ready.touch()
    packages = next((folder / "lib").glob("python*/site-packages"))
    (packages / "shared.pth").write_text(shared)
    return python


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """An emulator whose runs take no time to end."""
    with Emulator(data=tmp_path, seconds=0.1, cancel_seconds=0.01) as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS)
def test_ten_operations(client: str, emulator: Emulator) -> None:
    """Every client brings the same from all ten operations, in both generations of the API."""
    home = {"AIRFLOW_HOME": os.environ.get("AIRFLOW_HOME", str(emulator.data / "airflow"))}
    done = subprocess.run(
        [str(environment(client)), "-W", "error:::airflow_mljobs", str(SCRIPT), emulator.http_url],
        capture_output=True,
        text=True,
        env=os.environ | home,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["client"] == client
    assert said["brought"]["v1beta1"] == EXPECTED | {"read_artifact": "str"}
    assert said["brought"]["v2beta1"] == EXPECTED | {"read_artifact": "KFPNotSupported"}
    calls = {name: count for name, count in emulator.requests.counts().items() if "GetRun" not in name}
    assert calls == {
        **{f"kfp.{api}/{name}": count for api in ("v1beta1", "v2beta1") for name, count in ASKED.items()},
        "kfp.v1beta1/ReportRunMetrics": 2,
        "kfp.v2beta1/GetHealthz": 1,
    }


ASKED = {
    "CreateRun": 1,
    "TerminateRun": 2,
    "RetryRun": 1,
    "ListRuns": 1,
    "ArchiveRun": 1,
    "UnarchiveRun": 1,
    "ReadArtifact": 1,
    "DeleteRun": 1,
}
