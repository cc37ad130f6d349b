"""What Airflow stores and shows of a task's fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields
from google.cloud.aiplatform_v1 import types
from run_samples import BODIES, RUN_OPERATORS, make

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.operators.secrets import hide_secrets, reveal_secrets
from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator
from airflow_mljobs.secrecy import is_secret

CONTEXT: Any = {"day": "monday"}
SECRET = "hunter2-monday"
BODY: dict[str, Any] = {
    "api_key": "hunter2-{{ day }}",
    "stage": "production",
    "db_credentials": {"user": "hunter2-{{ day }}", "ports": [5432]},
    "deep": {
        "er": [{"than": [{"airflow": [{"looks": [{"name": "DB_PASSWORD", "value": "hunter2-{{ day }}"}]}]}]}]
    },
    "args": [
        "--rows",
        "10",
        "--db-password",
        "hunter2-{{ day }}",
        "--token=hunter2-{{ day }}",
        "model.secret",
    ],
}


@pytest.mark.parametrize(("kind", "field"), BODIES)
def test_what_airflow_stores_is_readable_and_free_of_secrets(kind: type[Any], field: str) -> None:
    """A body is stored as a mapping with stars for its secrets, and sent to the service with them."""
    operator = make(kind, **{field: BODY})

    operator.render_template_fields(CONTEXT)

    stored = json.loads(json.dumps(_serialize_rendered_fields(operator)))
    assert "hunter2" not in json.dumps(stored)
    assert (type(stored[field]), kind.template_fields_renderers[field]) == (dict, "json")
    assert stored[field]["stage"] == "production"
    assert stored[field]["args"] == ["--rows", "10", "--db-password", "***", "--token=***", "model.secret"]
    assert operator.body(field) == json.loads(json.dumps(BODY).replace("{{ day }}", "monday"))


@pytest.mark.parametrize("kind", RUN_OPERATORS)
def test_every_field_can_be_stored(kind: type[Any]) -> None:
    """Airflow stores each field of each Run operator as it is, not as the text of some object."""
    operator = make(kind)

    operator.render_template_fields(CONTEXT)

    assert _serialize_rendered_fields(operator) == {
        field: getattr(operator, field) for field in kind.template_fields
    }


CUSTOM_JOB = {
    "display_name": "Train",
    "job_spec": {
        "worker_pool_specs": [
            {
                "machine_spec": {"machine_type": "n1-standard-4"},
                "replica_count": 1,
                "container_spec": {
                    "image_uri": "trainer",
                    "args": ["--api-key=hunter2-{{ day }}"],
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
def test_a_job_is_sent_with_its_secrets(form: Callable[[Any], Any]) -> None:
    """What is stored of a job has stars for its secrets; the resource that is sent has their values."""
    operator = RunCustomJobOperator(task_id="run", region="europe-west4", custom_job=form(CUSTOM_JOB))

    operator.render_template_fields(CONTEXT)

    assert "hunter2" not in json.dumps(_serialize_rendered_fields(operator))
    (pool,) = operator.build().job_spec.worker_pool_specs
    assert [variable.value for variable in pool.container_spec.env] == [SECRET, "production"]
    assert list(pool.container_spec.args) == [f"--api-key={SECRET}"]


@pytest.mark.parametrize(
    "body",
    [
        {"tokenizer": "bert-base-uncased", "passengers": "many", "max_tokens": 512, "secret": None},
        {"args": ["--tokenizer", "bert-base-uncased", "a secret = b", "password", "visible"]},
        {"args": ["--api-key", "--rows", "10", "--token="], "name": "secret"},
        {"password": ""},
    ],
)
def test_what_is_no_secret_is_shown(body: dict[str, Any]) -> None:
    """Numbers, what is empty, and names that only sound like it are shown."""
    assert json.dumps(hide_secrets(body)) == json.dumps(body)


def test_what_was_hidden_comes_back() -> None:
    """All that is hidden is found again, at any depth."""
    hidden = hide_secrets(BODY)
    assert (hidden == BODY, reveal_secrets(hidden)) == (False, BODY)


def test_a_refusal_tells_no_secret() -> None:
    """A value that is refused is not shown where its name says that it is secret."""
    operator = make(RunPipelineJobOperator, parameter_values={"api_key": SECRET, "epochs": "many"})
    with pytest.raises(InvalidJobSpec, match=r"parameter_values\['api_key'\]=\*\*\* is not valid") as caught:
        operator.build()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "PGPASSWORD", "DB_PASS", "apiKey", "--auth-token", "MY_SECRET"]
)
def test_a_secrets_name(name: str) -> None:
    """Names say that they are secret in any spelling."""
    assert is_secret(name)
