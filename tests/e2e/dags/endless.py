"""Jobs that only end when somebody ends them, in both modes."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

for mode in ("deferrable", "worker"):
    with DAG(f"endless_{mode}", schedule=None, catchup=False):
        RunCustomJobOperator(
            task_id="run",
            region="europe-west4",
            custom_job={
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
            },
            deferrable=mode == "deferrable",
            poll_interval=1,
        )
