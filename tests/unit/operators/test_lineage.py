"""Where operators find their job's inputs and outputs, and what those are called in OpenLineage."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from openlineage.client.serde import Serde
from unit_samples import make_job, public_classes

from airflow_mljobs.openlineage import operator_lineage
from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.kfp import RetryKFPRunOperator, RunKFPPipelineOperator
from airflow_mljobs.operators.mlengine import RunMLEngineJobOperator
from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import RunPipelineJobOperator

PARENT = "projects/p/locations/europe-west4"
RUN_OPERATORS = public_classes("operators", RunJobOperator)

CUSTOM_JOB = {
    "display_name": "Train",
    "job_spec": {
        "worker_pool_specs": [
            {
                "python_package_spec": {
                    "package_uris": ["gs://code/trainer.tar.gz", "gs://code/common.tar.gz"],
                    "python_module": "train",
                    "env": [{"name": "DB_PASSWORD", "value": "hunter2"}],
                }
            },
            {"python_package_spec": {"package_uris": ["gs://code/trainer.tar.gz"]}},
            {"container_spec": {"image_uri": "i", "env": [{"name": "STAGE", "value": "hunter2"}]}},
        ],
        "base_output_directory": {"output_uri_prefix": "gs://models/churn/"},
    },
}
NOTEBOOK_JOB = {
    "display_name": "Run",
    "gcs_notebook_source": {"uri": "gs://code/report.ipynb", "generation": "7"},
    "gcs_output_uri": "gs://reports/",
}
CODE = [("gs://code", "trainer.tar.gz"), ("gs://code", "common.tar.gz")]
MODELS = [("gs://models", "churn")]
REPORTS = [("gs://code", "report.ipynb")], [("gs://reports", "j")]


def camel(value: Any) -> Any:
    """Return a resource with its field names in ``camelCase``."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    words = {key: key.split("_") for key in value}
    return {
        words[key][0] + "".join(map(str.title, words[key][1:])): camel(item) for key, item in value.items()
    }


def custom(custom_job: Any) -> RunCustomJobOperator:
    """Make an operator."""
    return RunCustomJobOperator(task_id="t", region="europe-west4", custom_job=custom_job)


def notebook(notebook_execution_job: Any) -> RunNotebookExecutionJobOperator:
    """Make an operator."""
    return RunNotebookExecutionJobOperator(
        task_id="t", region="europe-west4", notebook_execution_job=notebook_execution_job
    )


def pipeline(**kwargs: Any) -> RunPipelineJobOperator:
    """Make an operator."""
    return RunPipelineJobOperator(task_id="t", region="europe-west4", display_name="d", **kwargs)


def told(operator: RunJobOperator) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the names of the inputs and outputs of an operator's job ``j``."""
    lineage = operator_lineage(operator, make_job(name=f"{PARENT}/pipelineJobs/j"))
    return (
        [(dataset.namespace, dataset.name) for dataset in lineage.inputs],
        [(dataset.namespace, dataset.name) for dataset in lineage.outputs],
    )


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (custom(CUSTOM_JOB), (CODE, MODELS)),
        (custom(camel(CUSTOM_JOB)), (CODE, MODELS)),
        (custom(types.CustomJob(CUSTOM_JOB)), (CODE, MODELS)),
        (custom({"display_name": "d", "job_spec": None}), ([], [])),
        (custom(types.CustomJob()), ([], [])),
        (notebook(NOTEBOOK_JOB), REPORTS),
        (notebook(camel(NOTEBOOK_JOB)), REPORTS),
        (notebook(types.NotebookExecutionJob(NOTEBOOK_JOB)), REPORTS),
        (
            pipeline(
                template_path="gs://code/p.yaml", pipeline_root="gs://runs", input_artifacts={"a": "42"}
            ),
            (
                [
                    ("gs://code", "p.yaml"),
                    ("aiplatform.googleapis.com", f"{PARENT}/metadataStores/default/artifacts/42"),
                ],
                [("gs://runs", "/")],
            ),
        ),
        (pipeline(template_path="p.yaml"), ([], [])),
        (pipeline(template_path="https://host/p.yaml?token=hunter2"), ([], [])),
        (
            RunMLEngineJobOperator(
                task_id="t",
                job={"trainingInput": {"packageUris": ["gs://code/t.tar.gz"], "jobDir": "gs://models/a//b"}},
            ),
            ([("gs://code", "t.tar.gz")], [("gs://models", "a//b")]),
        ),
        (
            RunMLEngineJobOperator(
                task_id="t",
                job={
                    "predictionInput": {
                        "uri": "gs://models/a",
                        "inputPaths": ["gs://rows/2026/part-*", "gs://rows/*"],
                        "outputPath": "gs://predictions/2026",
                    }
                },
            ),
            (
                [("gs://models", "a"), ("gs://rows", "2026"), ("gs://rows", "/")],
                [("gs://predictions", "2026")],
            ),
        ),
        (
            RunKFPPipelineOperator(
                task_id="t", pipeline_id="p", pipeline_root="s3://user:hunter2@runs/a?region=eu"
            ),
            ([], [("s3://runs", "a")]),
        ),
        (RetryKFPRunOperator(task_id="t", run_id="r"), ([], [])),
    ],
)
def test_datasets(operator: RunJobOperator, expected: Any) -> None:
    """Addresses are found in every form of a resource, and named once each, as OpenLineage names them."""
    assert told(operator) == expected


@pytest.mark.parametrize(
    "operator",
    [
        custom(CUSTOM_JOB),
        custom(types.CustomJob(CUSTOM_JOB)),
        pipeline(template_path="p.yaml", parameter_values={"key": "hunter2"}),
        RunKFPPipelineOperator(
            task_id="t",
            pipeline_id="p",
            parameters={"key": "hunter2"},
            pipeline_root="minio://user:hunter2@b?k=hunter2",
        ),
        RunMLEngineJobOperator(task_id="t", job={"trainingInput": {"args": ["--key", "hunter2"]}}),
    ],
)
def test_nothing_else_is_told(operator: RunJobOperator) -> None:
    """Neither an environment's values nor parameters, arguments, users or passwords are told."""
    job = make_job(name=f"{PARENT}/pipelineJobs/j")
    texts = [Serde.to_json(operator_lineage(operator, job)), str(operator.lineage(job))]
    assert "pipelineJobs/j" in texts[0]
    assert "pipelineJobs/j" in texts[1]
    assert "hunter2" not in "".join(texts)


@pytest.mark.parametrize("kind", RUN_OPERATORS)
def test_addresses_are_rendered(kind: type[Any]) -> None:
    """Every address is read from a field that is templated, which is all that a resumed task has."""
    fields = [*kind.input_fields, *kind.output_fields]
    assert {path.split(".")[0] for path in fields} <= set(kind.template_fields)
