"""One DAG for each service and mode; a run of it is one trial, told by its configuration what to be.

The job of the first try ends as ``first`` says, with ``stubborn`` also those of its retries; others succeed.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.kfp import RunKFPPipelineOperator
from airflow_mljobs.operators.mlengine import RunMLEngineJobOperator
from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

RETRIES = 4
REGION = "europe-west4"
PIPELINE = str(Path(__file__).parents[3] / "example_dags" / "pipelines" / "train_and_evaluate.yaml")
NAME = "{{ params.name }}"
IS_FIRST = f"ti.max_tries == {RETRIES} and (ti.try_number == 1 or params.stubborn)"
OUTCOME = f"{{{{ params.first if {IS_FIRST} else 'succeeded' }}}}"
SCRIPT = {"emulator-outcome": OUTCOME, "emulator-seconds": "{{ params.seconds }}"}
MACHINE = {"machine_type": "n1-standard-4"}
SPOKEN = " ".join((NAME, *(f"{key}={value}" for key, value in SCRIPT.items())))

SERVICES: dict[str, tuple[type[RunJobOperator], dict[str, Any]]] = {
    "pipeline_job": (
        RunPipelineJobOperator,
        {"region": REGION, "display_name": NAME, "template_path": PIPELINE, "labels": SCRIPT},
    ),
    "custom_job": (
        RunCustomJobOperator,
        {
            "region": REGION,
            "custom_job": {
                "display_name": NAME,
                "labels": SCRIPT,
                "job_spec": {
                    "worker_pool_specs": [
                        {
                            "machine_spec": MACHINE,
                            "replica_count": 1,
                            "container_spec": {"image_uri": "busybox", "command": ["true"]},
                        }
                    ]
                },
            },
        },
    ),
    "notebook_execution_job": (
        RunNotebookExecutionJobOperator,
        {
            "region": REGION,
            "notebook": {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
            "notebook_execution_job": {
                "display_name": NAME,
                "labels": SCRIPT,
                "custom_environment_spec": {"machine_spec": MACHINE},
                "gcs_output_uri": "gs://chaos/notebooks",
                "service_account": "runner@laptop.iam.gserviceaccount.com",
            },
        },
    ),
    "mlengine_job": (
        RunMLEngineJobOperator,
        {
            "job": {
                # Its jobs have no name beside their id.
                "labels": {**SCRIPT, "name": NAME},
                "trainingInput": {
                    "region": REGION,
                    "scaleTier": "BASIC",
                    "packageUris": ["gs://chaos/trainer.tar.gz"],
                    "pythonModule": "train",
                    "runtimeVersion": "2.11",
                    "pythonVersion": "3.7",
                },
            }
        },
    ),
    "kfp_run": (
        RunKFPPipelineOperator,
        {"pipeline_file": PIPELINE, "run_name": NAME, "description": SPOKEN},
    ),
    "kfp_run_v1": (
        RunKFPPipelineOperator,
        {
            "pipeline_file": PIPELINE,
            "run_name": NAME,
            "description": SPOKEN,
            "kfp_conn_id": "kfp_v1",
        },
    ),
}

for service, (operator, arguments) in SERVICES.items():
    for mode in ("worker", "deferrable"):
        for kill in ("cancel", "spare"):
            with DAG(
                f"chaos_{service}_{mode}_{kill}",
                schedule=None,
                catchup=False,
                params={"name": "by-hand", "seconds": "4", "first": "succeeded", "stubborn": False},
            ):
                operator(
                    task_id="run",
                    deferrable=mode == "deferrable",
                    cancel_on_kill=kill == "cancel",
                    poll_interval=1,
                    retries=RETRIES,
                    retry_delay=timedelta(seconds=1),
                    **arguments,
                )
