"""A job, or the parameters of one, that stands in a file beside the DAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from google.cloud.aiplatform_v1 import types
from run_samples import BODIES, LEAST, make
from unit_samples import refused

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

CONTEXT: Any = {"ds": "2026-01-02", "params": {"name": "body"}}
FILES = {
    "body.yaml": "day: {{ ds }}\nlist: [1, '{{ ds }}']\n",
    "body.yml": "{% if ds %}day: {{ ds }}{% endif %}\nlist:\n- 1\n- '{{ ds }}'\n",
    "body.json": '{\n\t"day": "{{ ds }}",\n\t"list": [1, "{{ ds }}"]\n}\n',
}
READ = {"day": "2026-01-02", "list": [1, "2026-01-02"]}


@pytest.fixture(params=[False, True], ids=["text", "native"])
def dag(request: pytest.FixtureRequest, tmp_path: Path) -> DAG:
    """A DAG that finds the files."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return DAG(
        "d",
        schedule=None,
        template_searchpath=str(tmp_path),
        render_template_as_native_obj=request.param,
    )


def rendered(kind: type[Any], dag: DAG, **fields: Any) -> Any:
    """Make an operator and render it, as Airflow does before it runs."""
    operator = make(kind, dag=dag, **fields)
    operator.render_template_fields(CONTEXT)
    return operator


@pytest.mark.parametrize("name", [*FILES, "{{ params.name }}.yaml"])
@pytest.mark.parametrize(("kind", "field"), BODIES)
def test_a_file_is_read_rendered_and_parsed(dag: DAG, kind: type[Any], field: str, name: str) -> None:
    """Wherever a body is taken, so is the name of a file with its template, whose dates stay texts."""
    assert rendered(kind, dag, **{field: name}).body(field) == READ


@pytest.mark.parametrize(("kind", "field"), BODIES)
def test_a_mapped_tasks_file_is_read(dag: DAG, kind: type[Any], field: str) -> None:
    """A task that is mapped over files has the content of its own."""
    rest = {name: value for name, value in LEAST[kind.__name__].items() if name != field}
    with dag:
        kind.partial(task_id="run", **rest).expand(**{field: ["body.yaml", "body.json"]})
    mapped = dag.get_task("run")
    unmapped = mapped.unmap({field: "body.json"})
    # What Airflow calls for a mapped task, in place of render_template_fields.
    unmapped._do_render_template_fields(
        parent=unmapped,
        template_fields=mapped.template_fields,
        context=CONTEXT,
        jinja_env=unmapped.get_template_env(),
        seen_oids=set(),
    )
    assert unmapped.body(field) == READ


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("nowhere.yaml", None, "names a file beside the DAG or below its template_searchpath"),
        ("broken.yaml", "a: [1\nb: hunter2", "holds YAML: expected ',' or ']'"),
        ("broken.json", '{"a": hunter2}', "holds JSON: Expecting value, in line 1"),
        ("two.yaml", "a: 1\n---\nb: 2\n", "holds YAML: but found another document"),
        ("list.yaml", "- a\n- b\n", "holds a mapping, not a list"),
        ("empty.yaml", "", "holds a mapping, not a NoneType"),
        ("template.yaml", "a: {{ ds", "is a template that can be rendered: TemplateSyntaxError"),
        ("body.txt", "a: 1", "is a mapping, or names a file (.yaml, .yml, .json)"),
        ("{'a': 1}", None, "set render_template_as_native_obj on the DAG"),
    ],
)
@pytest.mark.parametrize(("kind", "field"), BODIES)
def test_a_file_that_is_no_body_is_refused(
    tmp_path: Path, kind: type[Any], field: str, name: str, text: str | None, rule: str
) -> None:
    """What cannot be found, rendered or parsed, or is no mapping, is refused by field, name and rule."""
    if text is not None:
        (tmp_path / name).write_text(text)
    dag = DAG("d", schedule=None, template_searchpath=str(tmp_path))
    with refused(field, name, rule) as caught:
        rendered(kind, dag, **{field: name}).body(field)
    assert "hunter2" not in str(caught.value)


def test_only_a_body_is_a_file(dag: DAG) -> None:
    """Texts that end as a file's name does stay what they are: a pipeline's path, a word in an argument."""
    pipeline = rendered(RunPipelineJobOperator, dag, template_path="body.yaml", display_name="body.json")
    job = {"job_spec": {"worker_pool_specs": [{"container_spec": {"args": ["--config", "body.yaml"]}}]}}

    assert (pipeline.template_path, pipeline.display_name) == ("body.yaml", "body.json")
    assert rendered(RunCustomJobOperator, dag, task_id="other", custom_job=job).custom_job == job


@pytest.mark.parametrize(
    ("kind", "field", "official"),
    [
        (RunCustomJobOperator, "custom_job", types.CustomJob),
        (RunNotebookExecutionJobOperator, "notebook_execution_job", types.NotebookExecutionJob),
    ],
)
def test_the_official_type_is_rendered(dag: DAG, kind: type[Any], field: str, official: Any) -> None:
    """A template is rendered in a resource of the official type, too."""
    operator = rendered(kind, dag, **{field: official(display_name="{{ ds }}")})

    assert operator.body(field)["display_name"] == "2026-01-02"


def test_who_has_a_job_needs_no_file(dag: DAG) -> None:
    """A task is rendered though its file is gone: only a new submit is refused, not the end of a job."""
    operator = rendered(RunCustomJobOperator, dag, custom_job="gone.yaml")

    assert operator.custom_job == "gone.yaml"
    assert operator.inputs(None) == operator.outputs(None) == []
    with refused("custom_job", "gone.yaml", "names a file"):
        operator.build()
