"""The same pipeline by the Google provider's operator."""

from __future__ import annotations

from pathlib import Path

from airflow.providers.google.cloud.operators.vertex_ai.pipeline_job import RunPipelineJobOperator
from airflow.sdk import DAG

TEMPLATE = Path(__file__).parents[2] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"

with DAG("benchmark_incumbent", schedule=None) as dag:
    RunPipelineJobOperator(
        task_id="run",
        project_id="my-project",
        region="europe-west4",
        display_name="Train and evaluate",
        template_path=str(TEMPLATE),
        pipeline_root="gs://mljobs-benchmark",
        deferrable=True,
    )
