"""Jobs that stand in a file, mapped over what differs, and tasks that go on with their results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.vertex_ai.custom_job import GetCustomJobOperator, RunCustomJobOperator

REGION = "europe-west4"
BUCKET = "mljobs-e2e"
JOB = "jobs/square.yaml"

with DAG("taskflow", schedule=None, catchup=False, params={"number": 2}):
    squares = RunCustomJobOperator.partial(
        task_id="squares", region=REGION, custom_job=JOB, deferrable=True, poll_interval=1
    ).expand(params=[{"number": 3}, {"number": 4}])

    @task
    def add_up(jobs: Iterable[dict[str, Any]], names: Iterable[str], folder: str) -> dict[str, Any]:
        """Add up what the jobs wrote."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        gcs = GCSHook()
        parts = [gcs.download(BUCKET, f"{folder}/{number}/model/square") for number in (3, 4)]
        return {
            "sum": sum(map(int, parts)),
            "statuses": [job["status"] for job in jobs],
            "names": list(names),
        }

    add_up(squares.output, squares.output["name"], "{{ run_id }}")

    run = RunCustomJobOperator(task_id="run", region=REGION, custom_job=JOB, poll_interval=1)
    GetCustomJobOperator(task_id="get", region=REGION, custom_job_id=run.output["name"])
