"""### Train a model with a Vertex AI custom job and use the result.

`run` sends `training/train.py` along as the job's command and waits for it in the triggerer; `report` reads
the metrics that the script wrote beside its model, and so does `check_new_model`, which is scheduled on the
asset that `run` has among its outlets. To use it on your own project, change the bucket and the region below,
and give the connection `google_cloud_default` a project and credentials.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

BUCKET = "mljobs-example"
REGION = "europe-west4"
SCRIPT = Path(__file__).parent / "training" / "train.py"

with DAG(
    "vertex_ai_custom_job",
    schedule=None,
    catchup=False,
    tags=["example", "vertex-ai"],
    doc_md=__doc__,
    params={"epochs": 50},
):
    run = RunCustomJobOperator(
        task_id="run",
        region=REGION,
        custom_job={
            "display_name": "Train a classifier",
            "job_spec": {
                "worker_pool_specs": [
                    {
                        "machine_spec": {"machine_type": "n1-standard-4"},
                        "replica_count": 1,
                        "container_spec": {
                            "image_uri": "python:3.11-slim",
                            "command": ["python3", "-c", SCRIPT.read_text()],
                            "args": ["--epochs", "{{ params.epochs }}"],
                        },
                    }
                ],
                "base_output_directory": {"output_uri_prefix": f"gs://{BUCKET}/training/{{{{ run_id }}}}"},
            },
        },
        outlets=[Asset("classifier")],
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def report(job: dict[str, Any], folder: str) -> dict[str, Any]:
        """Read the metrics that the script wrote beside its model."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        metrics = json.loads(GCSHook().download(BUCKET, f"{folder}/model/metrics.json"))
        return {**metrics, "model": f"gs://{BUCKET}/{folder}/model/model.json", "state": job["state"]}

    report(run.output, "training/{{ run_id }}")
