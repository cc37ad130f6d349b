"""What goes into a run of Kubeflow Pipelines, and what is wrong with one before it is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit_samples import refused

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_builder import body_v1, body_v2, check_request, name_mark, run_id_for
from airflow_mljobs.hooks.kfp_filters import list_filter
from airflow_mljobs.jobs import TaskIdentity

IDENTITY = TaskIdentity(dag_id="d", run_id="manual__2026-01-01T00:00:00+00:00", task_id="t", epoch=2)
SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "train"},
    "schemaVersion": "2.1.0",
    "root": {
        "inputDefinitions": {
            "parameters": {
                "epochs": {"parameterType": "NUMBER_INTEGER"},
                "rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.5},
            }
        }
    },
}
WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "spec": {"arguments": {"parameters": [{"name": "epochs"}]}},
}
EPOCHS = {"epochs": 3}


@pytest.mark.parametrize(
    ("field", "value", "rule", "given"),
    [
        ("run_name", " ", "is not empty", {"name": " "}),
        ("run_name", 5, "is a text", {"name": 5}),
        ("experiment", 5, "is a text", {"experiment": 5}),
        (
            "pipeline_file",
            [],
            "exactly one of pipeline_file, pipeline_id, pipeline_name",
            {"pipeline_file": None},
        ),
        ("pipeline_file", ["pipeline_file", "pipeline_id"], "exactly one", {"pipeline_id": "p"}),
        ("pipeline_file", ["pipeline_file", "pipeline_name"], "exactly one", {"pipeline_name": "p"}),
        ("pipeline_version_id", "v", "goes with pipeline_id or pipeline_name", {"pipeline_version_id": "v"}),
        ("experiment_id", "e", "is not given beside experiment", {"experiment": "x", "experiment_id": "e"}),
        ("pipeline_file", "nowhere.yaml", "No such file", {"pipeline_file": "nowhere.yaml"}),
        ("pipeline_file", "a mapping", "it has no 'pipelineInfo'", {"pipeline_file": {"a": 1}}),
        ("pipeline_file", "a mapping", "has a mapping as its root", {"pipeline_file": SPEC | {"root": [1]}}),
        ("pipeline_file", "Pod", "Argo's kind Workflow", {"pipeline_file": WORKFLOW | {"kind": "Pod"}}),
        ("parameters", "list", "maps names to values", {"parameters": ["epochs"]}),
        ("parameters", [], "requires 'epochs'", {"parameters": {}}),
        (
            "parameters['epochs']",
            "3",
            "declares NUMBER_INTEGER; set render_template",
            {"parameters": {"epochs": "3"}},
        ),
        ("parameters['epocs']", 3, "takes the parameters epochs, rate", {"parameters": {"epocs": 3}}),
        (
            "parameters['rate']",
            float("nan"),
            "has a JSON form",
            {"parameters": EPOCHS | {"rate": float("nan")}},
        ),
        ("parameters['rate']", "set", "has a JSON form", {"parameters": EPOCHS | {"rate": {1}}}),
        (
            "pipeline_root",
            "gs://b",
            "an Argo workflow has none",
            {"pipeline_file": WORKFLOW, "pipeline_root": "gs://b"},
        ),
        (
            "parameters['rate']",
            1,
            "the workflow takes the parameters epochs",
            {"pipeline_file": WORKFLOW, "parameters": {"rate": 1}},
        ),
    ],
)
def test_what_breaks_a_rule_is_named(field: str, value: object, rule: str, given: dict[str, Any]) -> None:
    """A refusal names the field, the value and the rule."""
    with refused(field, value, rule):
        check_request(**{"name": "run", "pipeline_file": SPEC, "parameters": EPOCHS} | given)


@pytest.mark.parametrize(
    ("content", "rule"),
    [("a: [", "holds YAML or JSON"), ("", "holds a compiled pipeline"), ("- a", "holds a compiled pipeline")],
)
def test_a_file_that_is_no_pipeline_is_refused(content: str, rule: str, tmp_path: Path) -> None:
    """A file with something else in it is refused by its path."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(content)
    with refused("pipeline_file", str(path), rule):
        check_request(name="run", pipeline_file=str(path))


def test_a_second_document_is_for_the_platform(tmp_path: Path) -> None:
    """What the compiler adds for Kubernetes is sent beside the pipeline, in the words of the generation."""
    path, platform = tmp_path / "pipeline.yaml", {"platforms": {"kubernetes": {}}}
    path.write_text(f"{json.dumps(SPEC)}\n---\n{json.dumps(platform)}")
    request = check_request(name="run", pipeline_file=str(path), parameters=EPOCHS)
    assert body_v2(request)["pipeline_spec"] == {"pipeline_spec": SPEC, "platform_spec": platform}
    manifest = body_v1(request)["pipeline_spec"]["pipeline_manifest"]
    assert [json.loads(document) for document in manifest.split("---")] == [SPEC, platform]


def test_a_compiled_pipeline_in_the_second_generation() -> None:
    """A compiled pipeline is sent with all that was asked for, and nothing that was not."""
    request = check_request(
        name="run",
        pipeline_file=SPEC,
        parameters=EPOCHS,
        pipeline_root="gs://b/r",
        experiment_id="e",
        service_account="runner",
    )
    assert body_v2(request) == {
        "display_name": "run",
        "pipeline_spec": SPEC,
        "runtime_config": {"parameters": EPOCHS, "pipeline_root": "gs://b/r"},
        "experiment_id": "e",
        "service_account": "runner",
    }


def test_a_compiled_pipeline_in_the_first_generation() -> None:
    """The first generation takes a compiled pipeline as a text, its parameters in the types they have."""
    request = check_request(name="run", pipeline_file=SPEC, parameters=EPOCHS, experiment_id="e")
    body = body_v1(request)
    assert json.loads(body["pipeline_spec"].pop("pipeline_manifest")) == SPEC
    assert body == {
        "name": "run",
        "pipeline_spec": {"runtime_config": {"parameters": EPOCHS}},
        "resource_references": [{"key": {"type": "EXPERIMENT", "id": "e"}, "relationship": "OWNER"}],
    }


def test_an_argo_workflow_takes_texts() -> None:
    """An Argo workflow's parameters are sent as texts, in the first generation only."""
    request = check_request(name="run", pipeline_file=WORKFLOW, parameters={"epochs": [1, 2]})
    spec = body_v1(request)["pipeline_spec"]
    assert spec == {
        "workflow_manifest": json.dumps(WORKFLOW),
        "parameters": [{"name": "epochs", "value": "[1, 2]"}],
    }
    with refused("pipeline_file", "an Argo workflow", "through the API v1beta1 only"):
        body_v2(request)


def test_a_pipeline_of_the_servers() -> None:
    """A pipeline that the server has goes by its ids."""
    request = check_request(name="run", pipeline_id="p", pipeline_version_id="v")
    reference = {"pipeline_id": "p", "pipeline_version_id": "v"}
    assert body_v2(request) == {"display_name": "run", "pipeline_version_reference": reference}
    assert body_v1(request) == {
        "name": "run",
        "pipeline_spec": {"pipeline_id": "p"},
        "resource_references": [{"key": {"type": "PIPELINE_VERSION", "id": "v"}, "relationship": "CREATOR"}],
    }


def test_a_parameter_that_is_false_is_sent() -> None:
    """Values that are empty or false are values all the same."""
    request = check_request(name="run", pipeline_file=SPEC, parameters={"epochs": 0})
    assert body_v2(request)["runtime_config"] == {"parameters": {"epochs": 0}}


def test_an_attempt_has_one_id() -> None:
    """The id of a run follows from the task, its generation and the attempt, and from nothing else."""
    ids = {run_id_for(IDENTITY, epoch=epoch, attempt=attempt) for epoch in (1, 2) for attempt in (1, 2)}
    assert len(ids) == 4
    # A later version must find the runs of this one.
    assert run_id_for(IDENTITY, epoch=2, attempt=1) == "364ceb81-0e53-5d40-ad85-f1fbcb054851"
    assert name_mark(IDENTITY, attempt=3) == f" [{IDENTITY.key}-2-3]"


@pytest.mark.parametrize(("api", "word"), [("v1beta1", "op"), ("v2beta1", "operation")])
def test_a_filter_speaks_the_generations_words(api: str, word: str) -> None:
    """A filter is written for the generation, and quoted once for the server, which reads it so."""
    text = '{"predicates": [{"key": "name", "op": "EQUALS", "string_value": "a+b %"}]}'
    written = list_filter(text, generation=api)
    assert written is not None
    assert set(' +"{') & set(written) == set()
    assert f"%22{word}%22" in written
    assert list_filter(None, generation=api) is list_filter("", generation=api) is None


@pytest.mark.parametrize("text", ["state=FAILED", "[]", '{"a": 1}', '{"predicates": ["a"]}', "5"])
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    """A filter in another language is refused with an example of one."""
    with pytest.raises(InvalidJobSpec, match="is JSON, such as"):
        list_filter(text, generation="v2beta1")
