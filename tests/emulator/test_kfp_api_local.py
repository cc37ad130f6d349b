"""Runs of Kubeflow Pipelines that really run, asked for by the official clients."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from engine_bench import KFP_PYTHON, await_that
from kfp_client import V1, V2, KfpClient, connected, v1_run

from airflow_mljobs.emulator.execution.kfp_environment import KfpEnvironment
from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"
SPEC = yaml.safe_load(EXAMPLE.read_text())


@pytest.fixture(scope="module")
def kfp_python() -> Path:
    """Return the interpreter that has kfp; the engine makes its environment where none is given."""
    return asyncio.run(KfpEnvironment(python=KFP_PYTHON).python())


@pytest.fixture(scope="module")
def emulator(kfp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run an emulator that really runs jobs."""
    data = tmp_path_factory.mktemp("local")
    with Emulator(data=data, engine="local", kfp_python=kfp_python) as running:
        yield running


@pytest.fixture(scope="module")
def kfp(emulator: Emulator) -> Iterator[KfpClient]:
    """Open the official client."""
    with connected(emulator) as client:
        yield client


def _end(kfp: KfpClient, run_id: str) -> Any:
    await_that(lambda: kfp.get(f"{V2}/runs/{run_id}")["state"] in {"SUCCEEDED", "FAILED"})
    return kfp.get(f"{V2}/runs/{run_id}")


def test_sdk(emulator: Emulator, kfp: KfpClient, kfp_python: Path) -> None:
    """The KFP SDK's own client runs a package and a version, waits for both, and they leave artifacts."""
    script = Path(__file__).with_name("kfp_sdk_client.py")
    done = subprocess.run(
        [kfp_python, script, emulator.http_url, EXAMPLE], check=True, capture_output=True, text=True
    )
    (good, bad), states = zip(*json.loads(done.stdout.splitlines()[-1]).items(), strict=True)
    assert states == ("SUCCEEDED", "FAILED")
    tasks = {
        task["display_name"]: task for task in kfp.get(f"{V2}/runs/{bad}")["run_details"]["task_details"]
    }
    assert [tasks[name]["state"] for name in ("make-data", "train", "evaluate")] == ["SUCCEEDED"] * 2 + [
        "FAILED"
    ]
    assert tasks["evaluate"]["error"]["message"].startswith("ValueError: accuracy 0.")
    buckets, place = emulator.data / "gcs", "train-and-evaluate/{}/*/{}"
    [metrics] = (buckets / "mine" / "pipelines").glob(place.format(good, "evaluate/metrics"))
    assert json.loads(metrics.read_text())["test_rows"] == 40
    assert list((buckets / "mlpipeline" / "v2" / "artifacts").glob(place.format(bad, "train/model")))
    assert "epoch 5/5" in (emulator.data / "logs" / f"{good}.log").read_text()


def test_terminate(kfp: KfpClient) -> None:
    """Terminating ends the processes of a run, which has failed, its running task too."""
    run_id = kfp.create(pipeline_spec=SPEC, runtime_config={"parameters": {"epochs": 10**9}})
    await_that(lambda: "train" in str(kfp.get(f"{V2}/runs/{run_id}").get("run_details", "")))
    await_that(
        lambda: {task["display_name"]: task["state"] for task in _tasks(kfp, run_id)}["train"] == "RUNNING"
    )
    kfp.runs.run_service_terminate_run(run_id)
    run = _end(kfp, run_id)
    assert [entry["state"] for entry in run["state_history"]] == ["PENDING", "RUNNING", "CANCELING", "FAILED"]
    assert [task["state"] for task in _tasks(kfp, run_id)] == ["SUCCEEDED", "FAILED", "SKIPPED"]


def test_retry(kfp: KfpClient) -> None:
    """A run whose root is no bucket fails at once; retried it is RUNNING even while it waits for its turn."""
    run_id = kfp.create(pipeline_spec=SPEC, runtime_config={"pipeline_root": "s3://mine"})
    assert "s3://mine" in _end(kfp, run_id)["error"]["message"]
    kfp.runs.run_service_retry_run(run_id)
    run = _end(kfp, run_id)
    assert [entry["state"] for entry in run["state_history"]] == ["PENDING", "FAILED", "RUNNING", "FAILED"]


def test_argo_workflow(kfp: KfpClient) -> None:
    """An Argo workflow fails with the reason, since its images are not run."""
    run_id = kfp.post(f"{V1}/runs", v1_run())["run"]["id"]
    assert "needs its images" in _end(kfp, run_id)["error"]["message"]
    assert "needs its images" in kfp.get(f"{V1}/runs/{run_id}")["run"]["error"]


def _tasks(kfp: KfpClient, run_id: str) -> Any:
    return kfp.get(f"{V2}/runs/{run_id}")["run_details"]["task_details"]
