"""A run of Kubeflow Pipelines that fails, and is then run again."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_mljobs.operators.kfp import RetryKFPRunOperator, RunKFPPipelineOperator

PACKAGE = Path(__file__).parent / "pipelines" / "train_and_evaluate.yaml"
RUN_ID = "{{ (ti.xcom_pull(task_ids='run', key='_link_KFPRunLink') or '').rpartition('/')[2] }}"

with DAG("kfp_failure", schedule=None, catchup=False):
    run = RunKFPPipelineOperator(
        task_id="run",
        pipeline_file=str(PACKAGE),
        parameters={"min_accuracy": 1.0},
        deferrable=True,
        poll_interval=1,
    )
    run >> RetryKFPRunOperator(task_id="retry", run_id=RUN_ID, poll_interval=1, trigger_rule="all_failed")
