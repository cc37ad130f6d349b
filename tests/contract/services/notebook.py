"""Vertex AI notebook execution jobs under contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.operators.vertex_ai import notebook_execution_job as operators
from airflow_mljobs.sensors.vertex_ai import NotebookExecutionJobSensor
from contract.services.base import REGION, Service

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _run(
    *, labels: dict[str, str] | None = None, notebook: Any = NOTEBOOK, name: str = "contract", **kwargs: Any
) -> RunJobOperator:
    return operators.RunNotebookExecutionJobOperator(
        task_id="run",
        region=REGION,
        notebook_execution_job={
            "display_name": name,
            "labels": labels or {},
            "custom_environment_spec": {"machine_spec": {"machine_type": "n1-standard-4"}},
            "gcs_output_uri": "gs://contract/notebooks",
            "service_account": "runner@contract.iam.gserviceaccount.com",
        },
        notebook=notebook,
        **kwargs,
    )


def _maker(operator: Callable[..., JobOperator]) -> Callable[[str], JobOperator]:
    return lambda job: operator(task_id="one", region=REGION, notebook_execution_job_id=job)


NOTEBOOK_EXECUTION_JOB = Service(
    name="NotebookExecutionJob",
    run=_run,
    broken=lambda **kwargs: _run(notebook="nowhere.ipynb", **kwargs),
    reason="exited with a non-zero status of 1",
    one={
        "get": _maker(operators.GetNotebookExecutionJobOperator),
        "delete": _maker(operators.DeleteNotebookExecutionJobOperator),
    },
    many=lambda **kwargs: operators.ListNotebookExecutionJobOperator(task_id="l", region=REGION, **kwargs),
    sensor=lambda job, **kwargs: NotebookExecutionJobSensor(
        task_id="s", region=REGION, notebook_execution_job_id=job, **kwargs
    ),
    methods={
        "create": "NotebookService/CreateNotebookExecutionJob",
        "get": "NotebookService/GetNotebookExecutionJob",
        "list": "NotebookService/ListNotebookExecutionJobs",
        "cancel": "NotebookService/DeleteNotebookExecutionJob",
        "delete": "NotebookService/DeleteNotebookExecutionJob",
    },
    cancelled=None,
    cancels_by="delete",
    outputs=("gs://contract/notebooks/{job_id}",),
    marked=lambda mark: ({"name": mark}, f'displayName="{mark}"'),
)
