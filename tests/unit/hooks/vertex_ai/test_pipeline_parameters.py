"""A pipeline's parameters, held against what the pipeline declares."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from unit_samples import refused

from airflow_mljobs.hooks.vertex_ai.pipeline_builder import build_pipeline_job

NATIVE = "set render_template_as_native_obj on the DAG to keep types"


def configure(
    declared: dict[str, Any],
    values: dict[str, Any] | None,
    *,
    version: str = "2.1.0",
    runtime: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the runtime configuration of a pipeline that declares these parameters."""
    spec = {
        "pipelineInfo": {"name": "train"},
        "schemaVersion": version,
        "root": {"inputDefinitions": {"parameters": declared}},
    }
    job = build_pipeline_job(
        {"pipelineSpec": spec, "runtimeConfig": runtime or {}},
        display_name="Train",
        template_path="p.yaml",
        default_root="gs://default",
        parameter_values=values,
    )
    message = types.PipelineJob.pb(job)
    config: dict[str, Any] = json_format.MessageToDict(message)["runtimeConfig"]
    return config


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_json_has_no_word_for_is_refused(value: float) -> None:
    """A number that is none, or has no end, never leaves this machine."""
    with refused("parameter_values['p']", value, "is a finite number"):
        configure({"p": {"parameterType": "NUMBER_DOUBLE"}}, {"p": value})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("STRING", "x"),
        ("STRING", ""),
        ("NUMBER_INTEGER", 10),
        ("NUMBER_INTEGER", 0),
        ("NUMBER_DOUBLE", 0.5),
        ("NUMBER_DOUBLE", 1),
        ("BOOLEAN", False),
        ("LIST", [1, "a", {"b": None}]),
        ("LIST", (1, 2)),
        ("STRUCT", {"a": {"b": [1]}}),
    ],
)
def test_a_value_of_the_declared_type_is_sent(kind: str, value: object) -> None:
    """A value in its declared type reaches the service as it is."""
    sent = configure({"p": {"parameterType": kind}}, {"p": value})["parameterValues"]
    assert {"p": list(value) if isinstance(value, tuple) else value} == sent


@pytest.mark.parametrize(
    ("kind", "value", "hint"),
    [
        ("NUMBER_INTEGER", "10", NATIVE),
        ("NUMBER_INTEGER", True, ""),
        ("NUMBER_INTEGER", 1.5, ""),
        ("NUMBER_INTEGER", [1], ""),
        ("NUMBER_DOUBLE", "0.5", NATIVE),
        ("NUMBER_DOUBLE", False, ""),
        ("BOOLEAN", "true", NATIVE),
        ("BOOLEAN", 1, ""),
        ("STRING", 1, ""),
        ("STRING", True, ""),
        ("STRING", {"a": 1}, ""),
        ("LIST", "[1]", NATIVE),
        ("LIST", {"a": 1}, ""),
        ("STRUCT", "{}", NATIVE),
        ("STRUCT", [1], ""),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: object, hint: str) -> None:
    """A value of another type is refused by name; text for a number is explained."""
    with refused("parameter_values['p']", value, f"the pipeline declares {kind}"):
        configure({"p": {"parameterType": kind}}, {"p": value})
    with pytest.raises(ValueError, match=f"{hint}$"):
        configure({"p": {"parameterType": kind}}, {"p": value})


@pytest.mark.parametrize(
    ("declared", "rule"),
    [
        ({"epochs": {"defaultValue": 1}, "rate": {"defaultValue": 1}}, "takes the parameters epochs, rate"),
        ({}, "takes no parameters"),
    ],
)
def test_an_unknown_parameter_is_refused(declared: dict[str, Any], rule: str) -> None:
    """A parameter that the pipeline lacks is refused with those that it has."""
    with refused("parameter_values['epocs']", 5, rule):
        configure(declared, {"epocs": 5})


@pytest.mark.parametrize(
    ("values", "shown"), [(None, []), ({}, []), ({"other": "x"}, ["other"]), ({"epochs": None}, [])]
)
def test_a_required_parameter_must_be_given(values: dict[str, Any] | None, shown: list[str]) -> None:
    """A parameter without a default is asked for; nothing is no value."""
    declared = {
        "epochs": {"parameterType": "NUMBER_INTEGER"},
        "other": {"parameterType": "STRING", "isOptional": True},
    }
    with refused("parameter_values", shown, "the pipeline requires 'epochs'"):
        configure(declared, values)


@pytest.mark.parametrize("extra", [{"defaultValue": 5}, {"defaultValue": 0}, {"isOptional": True}])
@pytest.mark.parametrize("values", [None, {}, {"epochs": None}])
def test_a_default_may_be_left_alone(extra: dict[str, Any], values: dict[str, Any] | None) -> None:
    """A parameter with a default, or an optional one, need not be given, and is not sent."""
    config = configure({"epochs": {"parameterType": "NUMBER_INTEGER"} | extra}, values)
    assert config.get("parameterValues", {}) == {}


def test_the_callers_value_wins_over_the_jobs() -> None:
    """Values in a whole job's configuration stand where the caller says nothing."""
    declared = {name: {"parameterType": "STRING"} for name in "ab"}
    config = configure(declared, {"b": "mine"}, runtime={"parameterValues": {"a": "x", "b": "y"}})
    assert config["parameterValues"] == {"a": "x", "b": "mine"}


def test_a_wrong_value_in_the_job_itself_is_refused() -> None:
    """Values from the template are held to the same rule as the caller's."""
    with refused("parameter_values['a']", 1, "the pipeline declares STRING"):
        configure({"a": {"parameterType": "STRING"}}, None, runtime={"parameterValues": {"a": 1}})


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("INT", 10, {"intValue": "10"}),
        ("DOUBLE", 0.5, {"doubleValue": 0.5}),
        ("DOUBLE", 2, {"doubleValue": 2.0}),
        ("STRING", "x", {"stringValue": "x"}),
        ("STRING", True, {"stringValue": "true"}),
        ("STRING", [1, "a"], {"stringValue": '[1, "a"]'}),
        ("STRING", {"a": 1}, {"stringValue": '{"a": 1}'}),
    ],
)
def test_an_old_pipeline_gets_old_values(kind: str, value: object, sent: dict[str, Any]) -> None:
    """Schema 2.0.0 knows numbers and text; everything else travels as text."""
    config = configure({"p": {"type": kind}}, {"p": value}, version="2.0.0")
    assert {"p": sent} == config["parameters"]
    assert "parameterValues" not in config


@pytest.mark.parametrize(
    ("kind", "value"), [("INT", "10"), ("INT", True), ("INT", 1.5), ("DOUBLE", "1"), ("STRING", 5)]
)
def test_an_old_pipeline_refuses_another_type_too(kind: str, value: object) -> None:
    """The old types are held to as the new ones are."""
    with refused("parameter_values['p']", value, f"the pipeline declares {kind}"):
        configure({"p": {"type": kind}}, {"p": value}, version="2.0.0")


def test_an_old_job_brings_its_own_values() -> None:
    """Values that the old compiler wrote into the job are read, and may be replaced."""
    runtime = {
        "parameters": {"n": {"intValue": "3"}, "r": {"doubleValue": 0.5}, "s": {"stringValue": "text"}}
    }
    declared = {"n": {"type": "INT"}, "r": {"type": "DOUBLE"}, "s": {"type": "STRING"}}
    config = configure(declared, {"s": "mine"}, version="2.0.0", runtime=runtime)
    assert config["parameters"] == {
        "n": {"intValue": "3"},
        "r": {"doubleValue": 0.5},
        "s": {"stringValue": "mine"},
    }
