"""What it costs to parse a DAG, and to bring a task to its deferral, on either side."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.service import PROJECT, Service
from processes import StackError

DAGS = Path(__file__).with_name("dags")
BUCKET = "mljobs-benchmark"
WITHIN = 180.0

MODULES: Mapping[str, Mapping[str, str]] = {
    kind: {
        "ours": f"airflow_mljobs.operators.vertex_ai.{kind}_job",
        "incumbent": f"airflow.providers.google.cloud.operators.vertex_ai.{kind}_job",
    }
    for kind in ("pipeline", "custom")
}
"""The operator modules that a DAG imports."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Medians of several processes, each run by itself.

    :param cpu: seconds, user and system.
    :param memory: bytes; nothing where they were not measured.
    """

    cpu: float
    memory: int | None = None


def measure_import(kind: str, *, side: str, environment: Mapping[str, str], runs: int) -> Start:
    """Return what importing a side's operators adds to ``import airflow.sdk``."""
    found = [_run("benchmarks.parsing", MODULES[kind][side], environment) for _ in range(runs)]
    return Start(
        cpu=statistics.median(each["cpu"] for each in found),
        memory=round(statistics.median(each["memory"] for each in found)),
    )


def measure_deferral(service: Service, *, side: str, runs: int) -> Start:
    """Return what a worker spends on parsing the DAG and running a pipeline's task until it is deferred."""
    # The incumbent looks for the bucket first: it shall find it, and not at Google's.
    bucket = requests.post(
        f"{service.emulator.url}/storage/v1/b", params={"project": PROJECT}, json={"name": BUCKET}, timeout=30
    )
    if bucket.status_code != requests.codes.conflict:
        bucket.raise_for_status()
    environment = {**service.environment, "STORAGE_EMULATOR_HOST": service.emulator.url}
    dag = str(DAGS / f"{side}.py")
    found = [_run("benchmarks.deferring", dag, environment) for _ in range(runs)]
    return Start(cpu=statistics.median(each["cpu"] for each in found))


def _run(module: str, argument: str, environment: Mapping[str, str]) -> dict[str, float]:
    argv = [sys.executable, "-m", module, argument]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=WITHIN)
    if done.returncode:
        raise StackError(f"{module} {argument} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures
