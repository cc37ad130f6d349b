"""Run a custom job with the operator of the environment that runs this; prints the result as JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

POOL = {
    "machine_spec": {"machine_type": "n1-standard-4"},
    "replica_count": 1,
    "container_spec": {"image_uri": "python:3.11-slim", "command": ["python3", "-c", "print(1)"]},
}

task: Any = SimpleNamespace(
    dag_id="wheel",
    run_id="manual",
    task_id="run",
    map_index=-1,
    try_number=1,
    max_tries=0,
    xcom_push=lambda key, value: None,
)
operator = RunCustomJobOperator(
    task_id="run",
    region="europe-west4",
    custom_job={"display_name": "wheel", "job_spec": {"worker_pool_specs": [POOL]}},
    poll_interval=0.1,
)
print(json.dumps(operator.execute({"ti": task})))  # noqa: T201
