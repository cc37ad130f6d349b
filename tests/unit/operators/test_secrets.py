"""What Airflow stores and shows of a task's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields
from google.cloud.aiplatform_v1 import types

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

CUSTOM_JOB = {
    "display_name": "Train",
    "job_spec": {
        "worker_pool_specs": [
            {
                "machine_spec": {"machine_type": "n1-standard-4"},
                "replica_count": 1,
                "container_spec": {
                    "image_uri": "trainer",
                    "env": [
                        {"name": "DB_PASSWORD", "value": "hunter2-{{ day }}"},
                        {"name": "STAGE", "value": "production"},
                    ],
                },
            }
        ]
    },
}


@pytest.mark.parametrize("form", [dict, types.CustomJob], ids=["json", "official"])
def test_a_secret_in_the_environment_is_hidden(form: Callable[[Any], Any]) -> None:
    """What Airflow stores of a job has stars for a variable named as a secret; what is sent has its value."""
    operator = RunCustomJobOperator(task_id="run", region="europe-west4", custom_job=form(CUSTOM_JOB))

    operator.render_template_fields({"day": "monday"})  # type: ignore[typeddict-item, typeddict-unknown-key]

    stored = str(_serialize_rendered_fields(operator))
    assert "hunter2" not in stored
    assert "production" in stored
    assert "DB_PASSWORD" in stored
    (pool,) = operator.build().job_spec.worker_pool_specs
    assert [variable.value for variable in pool.container_spec.env] == ["hunter2-monday", "production"]
