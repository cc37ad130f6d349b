"""What becomes of a notebook between the DAG file and the job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from travel import read_dag

from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator

CODE = "print(f'{{ds}} {{{params.x}}}')"
NOTEBOOK: dict[str, Any] = {"cells": [{"cell_type": "code", "source": CODE}], "nbformat": 4}
JOB: dict[str, Any] = {
    "display_name": "x",
    "workbench_runtime": {},
    "gcs_output_uri": "gs://bucket/{{ ds }}",
    "service_account": "a@b.c",
}
CONTEXT: Any = {"ds": "2026-01-02", "params": {"x": "y"}}


def make(notebook: Any, **fields: Any) -> RunNotebookExecutionJobOperator:
    """Make the operator."""
    return RunNotebookExecutionJobOperator(
        task_id="t", region="r-1", notebook_execution_job=JOB, notebook=notebook, **fields
    )


def test_a_path_is_rendered() -> None:
    """The path of a notebook may hold a template."""
    operator = make("/notebooks/{{ ds }}.ipynb")
    operator.render_template_fields(CONTEXT)
    assert operator.notebook == "/notebooks/2026-01-02.ipynb"


@pytest.mark.parametrize("native", [False, True])
def test_a_notebooks_braces_are_its_own(native: bool) -> None:
    """A notebook in the DAG file is sent as it is, while the rest is rendered."""
    with DAG("d", schedule=None, render_template_as_native_obj=native):
        operator = make(NOTEBOOK)
    operator.render_template_fields(CONTEXT)
    assert operator.notebook == NOTEBOOK
    assert operator.notebook_execution_job["gcs_output_uri"] == "gs://bucket/2026-01-02"


@pytest.mark.parametrize("render", [False, True])
def test_a_notebook_is_found_rendered_or_not(render: bool) -> None:
    """The job has the notebook, whether Airflow rendered the task or a test calls it by itself."""
    operator = make(NOTEBOOK)
    if render:
        operator.render_template_fields(CONTEXT)
    else:
        operator.notebook_execution_job = JOB | {"gcs_output_uri": "gs://bucket/x"}
    assert json.loads(operator.build().direct_notebook_source.content) == NOTEBOOK


def test_a_dag_with_a_notebook_survives_serialization() -> None:
    """The scheduler reads a DAG whose file holds a notebook, plain or mapped."""
    with DAG("d", schedule=None) as dag:
        make(NOTEBOOK)
        RunNotebookExecutionJobOperator.partial(task_id="m", region="r-1", notebook_execution_job=JOB).expand(
            notebook=["a.ipynb", NOTEBOOK]
        )
    assert sorted(read_dag(dag).task_ids) == ["m", "t"]


def test_a_notebook_beside_the_dag_is_found(tmp_path: Path) -> None:
    """The name of a notebook beside the DAG leads to it, and what is in it is no template."""
    (tmp_path / "beside.ipynb").write_text(json.dumps(NOTEBOOK))
    dag = DAG("d", schedule=None, template_searchpath=str(tmp_path))
    operator = RunNotebookExecutionJobOperator(
        task_id="t", region="r-1", notebook_execution_job=JOB, notebook="beside.ipynb", dag=dag
    )
    operator.render_template_fields(CONTEXT)

    assert json.loads(Path(operator._find(operator.notebook)).read_text()) == NOTEBOOK
    assert operator._find("nowhere.ipynb") == "nowhere.ipynb"
