"""A pipeline from a local compiled file, by this provider's operator."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

TEMPLATE = Path(__file__).parents[2] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"

with DAG("benchmark_ours", schedule=None) as dag:
    RunPipelineJobOperator(
        task_id="run",
        region="europe-west4",
        display_name="Train and evaluate",
        template_path=str(TEMPLATE),
        pipeline_root="gs://mljobs-benchmark",
        deferrable=True,
    )
