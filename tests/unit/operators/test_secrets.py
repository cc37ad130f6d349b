"""What Airflow stores and shows of a task's fields."""

from __future__ import annotations

from airflow.sdk._shared.secrets_masker import redact

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator


def test_a_secret_in_the_environment_is_masked() -> None:
    """A variable that is named as a secret is not shown in the rendered field, and another one is."""
    env = [{"name": "DB_PASSWORD", "value": "hunter2-{{ day }}"}, {"name": "STAGE", "value": "production"}]
    pool = {"container_spec": {"image_uri": "i", "env": env}}
    operator = RunCustomJobOperator(
        task_id="run",
        region="europe-west4",
        custom_job={"display_name": "Train", "job_spec": {"worker_pool_specs": [pool]}},
    )

    operator.render_template_fields({"day": "monday"})

    rendered = operator.custom_job["job_spec"]["worker_pool_specs"][0]["container_spec"]["env"]
    assert rendered[0]["value"] == "hunter2-monday"
    assert "hunter2-monday" not in str(redact(rendered))
    assert "production" in str(redact(rendered))
