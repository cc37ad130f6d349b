"""### Run a compiled pipeline on Vertex AI and use what it measured.

`run` submits `pipelines/train_and_evaluate.yaml` and waits for it in the triggerer; `report` reads the
metrics that the pipeline's last step wrote. To use it on your own project, change the bucket and the region
below, and give the connection `google_cloud_default` a project and credentials.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

BUCKET = "mljobs-example"
REGION = "europe-west4"
TEMPLATE = Path(__file__).parent / "pipelines" / "train_and_evaluate.yaml"

with DAG(
    "vertex_ai_pipeline",
    schedule=None,
    catchup=False,
    tags=["example", "vertex-ai"],
    doc_md=__doc__,
    params={"epochs": 30, "min_accuracy": 0.8},
    render_template_as_native_obj=True,
):
    run = RunPipelineJobOperator(
        task_id="run",
        region=REGION,
        display_name="Train and evaluate",
        template_path=str(TEMPLATE),
        pipeline_root=f"gs://{BUCKET}/pipelines/{{{{ run_id }}}}",
        parameter_values={"epochs": "{{ params.epochs }}", "min_accuracy": "{{ params.min_accuracy }}"},
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

    report(run.output, "pipelines/{{ run_id }}")
