"""Vertex AI under contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.operators.vertex_ai import custom_job, pipeline_job
from airflow_mljobs.sensors.vertex_ai import CustomJobSensor, PipelineJobSensor
from contract.services.base import PROJECT, REGION, Service

PARENT = f"projects/{PROJECT}/locations/{REGION}"
TEMPLATE = Path(__file__).parents[3] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"


def _run_pipeline(*, labels: dict[str, str] | None = None, **kwargs: Any) -> RunJobOperator:
    return pipeline_job.RunPipelineJobOperator(
        task_id="run",
        region=REGION,
        display_name="contract",
        template_path=kwargs.pop("template_path", str(TEMPLATE)),
        pipeline_root="gs://contract/pipelines",
        labels=labels,
        **kwargs,
    )


def _run_custom(*, labels: dict[str, str] | None = None, **kwargs: Any) -> RunJobOperator:
    container = {"image_uri": "python:3.11-slim", "command": ["python3", "-c", "print(1)"]}
    pool = {
        "machine_spec": {"machine_type": "n1-standard-4"},
        "replica_count": 1,
        "container_spec": container,
    }
    pools = kwargs.pop("pools", [pool])
    return custom_job.RunCustomJobOperator(
        task_id="run",
        region=REGION,
        custom_job={
            "display_name": "contract",
            "labels": labels or {},
            "job_spec": {
                "worker_pool_specs": pools,
                "base_output_directory": {"output_uri_prefix": "gs://contract/models"},
            },
        },
        **kwargs,
    )


def _one(module: Any, noun: str, field: str) -> dict[str, Callable[[str], JobOperator]]:
    def maker(verb: str) -> Callable[[str], JobOperator]:
        operator = getattr(module, f"{verb}{noun}Operator")
        return lambda job: operator(task_id=verb.lower(), region=REGION, **{field: job})

    return {verb.lower(): maker(verb) for verb in ("Get", "Cancel", "Delete")}


PIPELINE_JOB = Service(
    name="PipelineJob",
    run=_run_pipeline,
    broken=lambda **kwargs: _run_pipeline(template_path="nowhere.yaml", **kwargs),
    reason="Task evaluate failed: The replica workerpool0-0 exited with a non-zero status of 1",
    one=_one(pipeline_job, "PipelineJob", "pipeline_job_id"),
    outputs=("gs://contract/pipelines",),
    many=lambda **kwargs: pipeline_job.ListPipelineJobOperator(task_id="l", region=REGION, **kwargs),
    sensor=lambda job, **kwargs: PipelineJobSensor(task_id="s", region=REGION, pipeline_job_id=job, **kwargs),
    methods={
        verb: f"PipelineService/{verb.title()}PipelineJob{'s' if verb == 'list' else ''}"
        for verb in ("create", "get", "list", "cancel", "delete")
    },
)

CUSTOM_JOB = Service(
    name="CustomJob",
    run=_run_custom,
    broken=lambda **kwargs: _run_custom(pools=[], **kwargs),
    reason="The replica workerpool0-0 exited with a non-zero status of 1",
    one=_one(custom_job, "CustomJob", "custom_job_id"),
    outputs=("gs://contract/models",),
    many=lambda **kwargs: custom_job.ListCustomJobOperator(task_id="l", region=REGION, **kwargs),
    sensor=lambda job, **kwargs: CustomJobSensor(task_id="s", region=REGION, custom_job_id=job, **kwargs),
    methods={
        verb: f"JobService/{verb.title()}CustomJob{'s' if verb == 'list' else ''}"
        for verb in ("create", "get", "list", "cancel", "delete")
    },
)
