"""Jobs that succeed and have assets among their outlets, in both modes."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetAlias

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

with DAG("lineage", schedule=None, catchup=False):
    for mode in ("deferrable", "worker"):
        RunCustomJobOperator(
            task_id=mode,
            region="europe-west4",
            custom_job={
                "display_name": "succeeds",
                "job_spec": {
                    "worker_pool_specs": [
                        {
                            "machine_spec": {"machine_type": "n1-standard-4"},
                            "replica_count": 1,
                            "container_spec": {
                                "image_uri": "busybox",
                                "command": ["true"],
                                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
                            },
                        }
                    ],
                    "base_output_directory": {
                        "output_uri_prefix": "gs://mljobs-e2e/{{ run_id }}/{{ task.task_id }}"
                    },
                },
            },
            outlets=[Asset(f"model_{mode}"), AssetAlias(f"files_{mode}")],
            deferrable=mode == "deferrable",
            poll_interval=1,
        )
