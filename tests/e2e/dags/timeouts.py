"""Jobs that only end because the time of their task, or of its DAG run, is up; in both modes."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

CUSTOM_JOB = {
    "display_name": "endless",
    "job_spec": {
        "worker_pool_specs": [
            {
                "machine_spec": {"machine_type": "n1-standard-4"},
                "replica_count": 1,
                "container_spec": {"image_uri": "busybox", "command": ["sleep", "3600"]},
            }
        ]
    },
}

for mode in ("deferrable", "worker"):
    arguments = {
        "task_id": "run",
        "region": "europe-west4",
        "custom_job": CUSTOM_JOB,
        "deferrable": mode == "deferrable",
        "poll_interval": 1,
    }
    with DAG(f"task_timeout_{mode}", schedule=None, catchup=False):
        RunCustomJobOperator(**arguments, execution_timeout=timedelta(seconds=20))
    with DAG(f"run_timeout_{mode}", schedule=None, catchup=False, dagrun_timeout=timedelta(seconds=30)):
        RunCustomJobOperator(**arguments)
