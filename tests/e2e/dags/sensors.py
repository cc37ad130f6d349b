"""Jobs that fail, or outlast a sensor, for sensors that end in all the ways but success."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.sensors.vertex_ai import CustomJobSensor

REGION = "europe-west4"


def start(task_id: str, *command: str) -> RunCustomJobOperator:
    """Start a job, for a sensor to wait for."""
    return RunCustomJobOperator(
        task_id=task_id,
        region=REGION,
        custom_job={
            "display_name": task_id,
            "job_spec": {
                "worker_pool_specs": [
                    {
                        "machine_spec": {"machine_type": "n1-standard-4"},
                        "replica_count": 1,
                        "container_spec": {"image_uri": "busybox", "command": list(command)},
                    }
                ]
            },
        },
        wait_for_completion=False,
    )


def wait(task_id: str, *, after: RunCustomJobOperator, **settings: Any) -> None:
    """Wait for a job that another task started."""
    job = f"{{{{ ti.xcom_pull('{after.task_id}').name }}}}"
    sensor = CustomJobSensor(task_id=task_id, region=REGION, custom_job_id=job, **settings)
    after >> sensor


with DAG("sensors", schedule=None, catchup=False):
    failing = start("failing", "sh", "-c", "sleep 2; exit 3")
    wait("soft", after=failing, soft_fail=True, deferrable=True, poke_interval=1)
    lasting = start("lasting", "sleep", "3600")
    wait(
        "out_of_time",
        after=lasting,
        # Airflow takes a worker that is still ending when its task is poked anew for a loss, and retries.
        poke_interval=6,
        timeout=4,
        retries=2,
        retry_delay=timedelta(seconds=1),
        deferrable=False,
        mode="reschedule",
    )
