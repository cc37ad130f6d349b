"""AI Platform's jobs under contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_mljobs.operators import mlengine
from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.sensors.mlengine import MLEngineJobSensor
from contract.services.base import REGION, Service

TRAINING = {
    "region": REGION,
    "scaleTier": "BASIC",
    "packageUris": ["gs://contract/trainer.tar.gz"],
    "pythonModule": "train",
    "runtimeVersion": "2.11",
    "pythonVersion": "3.7",
    "jobDir": "gs://contract/models",
}


def _run(*, labels: dict[str, str] | None = None, **kwargs: Any) -> RunJobOperator:
    training = kwargs.pop("training", TRAINING)
    return mlengine.RunMLEngineJobOperator(
        task_id="run", job={"trainingInput": training, "labels": labels or {}}, **kwargs
    )


def _one(verb: str) -> Callable[[str], JobOperator]:
    operator = getattr(mlengine, f"{verb}MLEngineJobOperator")
    return lambda job: operator(task_id=verb.lower(), job_id=job)


ML_ENGINE_JOB = Service(
    name="MLEngineJob",
    run=_run,
    broken=lambda **kwargs: _run(training={"region": REGION, "jobDir": TRAINING["jobDir"]}, **kwargs),
    reason="exited with a non-zero status of 1",
    one={verb.lower(): _one(verb) for verb in ("Get", "Cancel")},
    inputs=("gs://contract/trainer.tar.gz",),
    outputs=("gs://contract/models",),
    many=lambda **kwargs: mlengine.ListMLEngineJobOperator(task_id="l", **kwargs),
    sensor=lambda job, **kwargs: MLEngineJobSensor(task_id="s", job_id=job, **kwargs),
    methods={
        verb: f"ml.v1/{verb.title()}Job{'s' if verb == 'list' else ''}"
        for verb in ("create", "get", "list", "cancel")
    },
)
