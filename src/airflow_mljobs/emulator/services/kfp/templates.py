"""What a run is made from: a pipeline compiled by kfp 2 (IR), or an Argo workflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any

import yaml

from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.services import pipeline_spec
from airflow_mljobs.emulator.services.validation import Violations

MAX_PARAMETERS = 10_000
"""Bytes of the JSON that a workflow's parameters may take."""

Template = Mapping[str, Any]


def parse(text: str) -> Template:
    """Read a manifest in YAML or JSON; what kfp compiles for a platform is a second document.

    :raises ValueError: when it is neither.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        msg = f"the manifest is not YAML: {error}"
        raise ValueError(msg) from error
    if not documents or not all(isinstance(document, dict) for document in documents):
        msg = "the manifest is empty or no mapping"
        raise ValueError(msg)
    if len(documents) > 1:
        return {"pipeline_spec": documents[0], "platform_spec": documents[1]}
    template: Template = documents[0]
    return template


def uploaded(content_type: str, body: bytes) -> str:
    """Return the file of a form."""
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in form.walk():
        content = part.get_payload(decode=True)
        if part.get_filename() and isinstance(content, bytes):
            return content.decode(errors="replace")
    msg = "Failed to read pipeline from file: there is no file in the form"
    raise invalid(msg)


def spec_of(template: Template) -> Mapping[str, Any]:
    """Return the IR of a template, without what is particular to a platform."""
    inner = template.get("pipeline_spec")
    return inner if isinstance(inner, dict) else template


def is_ir(template: Template) -> bool:
    """Tell whether a template was compiled by kfp 2."""
    return "pipelineInfo" in spec_of(template)


def is_argo(template: Template) -> bool:
    """Tell whether a template is an Argo workflow."""
    api = str(template.get("apiVersion", ""))
    return template.get("kind") == "Workflow" and api.startswith("argoproj.io/")


def check(template: Template, parameters: Mapping[str, Any]) -> None:
    """Check that a run can be made of a template.

    :raises ValueError: with all that is wrong.
    """
    if is_argo(template):
        if len(json.dumps(parameters)) > MAX_PARAMETERS:
            msg = f"The input parameter length exceed maximum size of {MAX_PARAMETERS}."
            raise ValueError(msg)
        return
    if not is_ir(template):
        msg = "unknown template format: neither a pipeline spec nor an Argo workflow"
        raise ValueError(msg)
    violations = Violations()
    spec = spec_of(template)
    pipeline_spec.check_spec(spec, violations)
    pipeline_spec.check_parameters(spec, parameters, violations)
    try:
        violations.raise_if_any()
    except ServiceError as error:
        raise ValueError(error.message) from error


def argo_steps(template: Template) -> list[str]:
    """Name the templates of a workflow that run something."""
    templates = template.get("spec", {}).get("templates", [])
    return [step["name"] for step in templates if {"container", "script"} & step.keys()]
