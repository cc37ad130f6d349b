"""### Wait for a job that another team started.

`find` asks for the newest custom job with the other team's label, `wait` waits for its end in the
triggerer, and `report` goes on with it. The job stays the other team's: whatever becomes of `wait`, it is
never cancelled.

So that the example runs by itself, `start` stands in for the other team. On your own project, leave it
out, and change the region and the label below.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.vertex_ai.custom_job import ListCustomJobOperator, RunCustomJobOperator
from airflow_mljobs.sensors.vertex_ai import CustomJobSensor

REGION = "europe-west4"
TEAM = "risk"

with DAG(
    "wait_for_a_job",
    schedule=None,
    catchup=False,
    tags=["example", "vertex-ai"],
    doc_md=__doc__,
):
    start = RunCustomJobOperator(
        task_id="start",
        region=REGION,
        custom_job={
            "display_name": "Score all customers",
            "labels": {"team": TEAM},
            "job_spec": {
                "worker_pool_specs": [
                    {
                        "machine_spec": {"machine_type": "n1-standard-4"},
                        "replica_count": 1,
                        "container_spec": {
                            "image_uri": "python:3.11-slim",
                            "command": ["python3", "-c", "import time; time.sleep(3); print('scored')"],
                        },
                    }
                ]
            },
        },
        wait_for_completion=False,
    )

    find = ListCustomJobOperator(task_id="find", region=REGION, filter=f'labels.team="{TEAM}"', limit=1)

    wait = CustomJobSensor(
        task_id="wait",
        region=REGION,
        custom_job_id="{{ ti.xcom_pull('find')[0].name }}",
        deferrable=True,
        poke_interval=2,
        timeout=timedelta(hours=2),
    )

    @task
    def report(job: dict[str, Any]) -> str:
        """Tell what there is to go on with."""
        return f"{job['name']} has ended: {job['state']}"

    start >> find >> wait
    report(wait.output)
