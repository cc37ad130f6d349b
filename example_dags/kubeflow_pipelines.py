"""### Run a compiled pipeline on Kubeflow Pipelines and use what it measured.

`run` submits `pipelines/train_and_evaluate.yaml` and waits for it in the triggerer; `report` reads the
metrics that the pipeline's last step wrote. To use it on your own server, give the connection `kfp_default`
its address, and change the bucket below to one that the server's pods may write to.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.kfp import RunKFPPipelineOperator

BUCKET = "mljobs-example"
PACKAGE = Path(__file__).parent / "pipelines" / "train_and_evaluate.yaml"

with DAG(
    "kubeflow_pipelines",
    schedule=None,
    catchup=False,
    tags=["example", "kubeflow"],
    doc_md=__doc__,
    params={"epochs": 30, "min_accuracy": 0.8},
    render_template_as_native_obj=True,
):
    run = RunKFPPipelineOperator(
        task_id="run",
        run_name="Train and evaluate {{ run_id }}",
        pipeline_file=str(PACKAGE),
        pipeline_root=f"gs://{BUCKET}/kubeflow/{{{{ run_id }}}}",
        parameters={"epochs": "{{ params.epochs }}", "min_accuracy": "{{ params.min_accuracy }}"},
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def report(job: dict[str, Any], folder: str) -> dict[str, Any]:
        """Read the metrics of the pipeline's last step."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        storage = GCSHook()
        written = storage.list(BUCKET, prefix=f"{folder}/") or []
        metrics = next(path for path in written if path.endswith("/metrics"))
        return {**json.loads(storage.download(BUCKET, metrics)), "state": job["state"]}

    report(run.output, "kubeflow/{{ run_id }}")
