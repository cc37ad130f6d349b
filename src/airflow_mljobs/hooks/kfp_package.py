"""Reads a compiled pipeline: what the ``kfp`` compiler writes, or an Argo workflow."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.pipeline_parameters import check_parameters, named

FIELD = "pipeline_file"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True)
class Package:
    """A pipeline as it goes into a run.

    :param spec: the pipeline's spec, or the workflow's manifest.
    :param platform_spec: what the compiler adds for Kubernetes, in a second document.
    """

    spec: Mapping[str, Any]
    platform_spec: Mapping[str, Any] | None = None

    @property
    def is_argo(self) -> bool:
        """Whether it is a workflow of Argo, as the first generation of the compiler wrote it."""
        return str(self.spec.get("apiVersion", "")).startswith("argoproj.io/")

    def check_values(self, values: Mapping[str, Any]) -> None:
        """Hold parameters to what the pipeline declares.

        :raises InvalidJobSpec: naming the parameter.
        """
        if not self.is_argo:
            inputs = self.spec["root"].get("inputDefinitions") or {}
            check_parameters(inputs.get("parameters") or {}, values, field="parameters")
            return
        arguments = (self.spec.get("spec") or {}).get("arguments") or {}
        declared = {entry.get("name"): entry for entry in arguments.get("parameters") or ()}
        for name, value in values.items():
            if name not in declared:
                rule = f"the workflow takes {named(declared, 'parameters')}"
                raise InvalidJobSpec(field=f"parameters[{name!r}]", value=value, rule=rule)


def load_package(source: str | Path | Mapping[str, Any]) -> Package:
    """Read a compiled pipeline.

    :param source: a path on this machine to YAML or JSON, or what stands in such a file.
    :raises InvalidJobSpec: when there is nothing there, or it is something else.
    """
    documents = [dict(source)] if isinstance(source, Mapping) else _read(source)
    shown = "a mapping" if isinstance(source, Mapping) else str(source)
    if not documents or not all(isinstance(document, dict) for document in documents):
        raise InvalidJobSpec(field=FIELD, value=shown, rule="holds a compiled pipeline")
    spec, *others = documents
    package = Package(spec=spec, platform_spec=others[0] if others else None)
    if package.is_argo:
        if spec.get("kind") != "Workflow":
            raise InvalidJobSpec(field=FIELD, value=spec.get("kind"), rule="is of Argo's kind Workflow")
        return package
    for needed in ("pipelineInfo", "root", "schemaVersion"):
        if not spec.get(needed):
            rule = f"holds a compiled pipeline or an Argo workflow; it has no {needed!r}"
            raise InvalidJobSpec(field=FIELD, value=shown, rule=rule)
    if not isinstance(spec["root"], dict):
        raise InvalidJobSpec(field=FIELD, value=shown, rule="has a mapping as its root")
    return package


def check_plain(values: Mapping[str, Any]) -> None:
    """Hold parameters to what JSON can say.

    :raises InvalidJobSpec: naming the parameter.
    """
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            shown = value if isinstance(value, float) and not math.isfinite(value) else type(value).__name__
            raise InvalidJobSpec(
                field=f"parameters[{name!r}]", value=shown, rule=f"has a JSON form, but: {error}"
            ) from error


def _read(path: str | Path) -> list[Any]:
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidJobSpec(
            field=FIELD, value=str(path), rule=f"is a readable file, but: {reason}"
        ) from error
    try:
        return [document for document in yaml.load_all(text, Loader=_LOADER) if document is not None]
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise InvalidJobSpec(
            field=FIELD, value=str(path), rule=f"holds YAML or JSON, but: {reason}"
        ) from error
