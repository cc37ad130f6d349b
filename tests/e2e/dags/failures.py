"""Jobs that fail, in both modes."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

REGION = "europe-west4"
TEMPLATE = Path(__file__).parent / "pipelines" / "train_and_evaluate.yaml"
PROGRAM = "import sys; print('line before the end'); print('disk quota exceeded'); sys.exit(3)"

with DAG("failures", schedule=None, catchup=False):
    for mode in ("deferrable", "worker"):
        RunCustomJobOperator(
            task_id=f"custom_job_{mode}",
            region=REGION,
            custom_job={
                "display_name": "fails",
                "job_spec": {
                    "worker_pool_specs": [
                        {
                            "machine_spec": {"machine_type": "n1-standard-4"},
                            "replica_count": 1,
                            "container_spec": {
                                "image_uri": "python:3.11-slim",
                                "command": ["python3", "-c", PROGRAM],
                            },
                        }
                    ]
                },
            },
            deferrable=mode == "deferrable",
            poll_interval=1,
        )
    RunPipelineJobOperator(
        task_id="pipeline",
        region=REGION,
        display_name="fails",
        template_path=str(TEMPLATE),
        pipeline_root="gs://mljobs-e2e/failures",
        parameter_values={"min_accuracy": 1.0},
        deferrable=True,
        poll_interval=1,
    )
    RunNotebookExecutionJobOperator(
        task_id="notebook",
        region=REGION,
        notebook_execution_job={
            "display_name": "fails",
            "workbench_runtime": {},
            "gcs_output_uri": "gs://mljobs-e2e/failures",
            "service_account": "runner@my-project.iam.gserviceaccount.com",
        },
        notebook={
            "cells": [
                {
                    "cell_type": "code",
                    "execution_count": None,
                    "id": "c1",
                    "metadata": {},
                    "outputs": [],
                    "source": "answer = '{{ ds }}'\nraise LookupError(f'{{no}} such column: {answer}')",
                }
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        deferrable=True,
        poll_interval=1,
    )
