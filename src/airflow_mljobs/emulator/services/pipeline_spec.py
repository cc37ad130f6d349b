"""What the services check of a compiled pipeline, and the order of its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from airflow_mljobs.emulator.services.validation import REQUIRED, Violations

Spec = Mapping[str, Any]
"""A pipeline spec as JSON."""


def name_of(spec: Spec) -> str:
    """Give the name that the pipeline's author chose."""
    return str(_mapping(spec, "pipelineInfo").get("name", ""))


def tasks_of(spec: Spec) -> dict[str, frozenset[str]]:
    """Give the tasks of the root, each with those that it waits for, in an order in which they can run."""
    tasks = _mapping(spec, "root", "dag", "tasks")
    graph = {name: _upstream(task) & tasks.keys() for name, task in tasks.items()}
    return {name: frozenset(graph[name]) for name in TopologicalSorter(graph).static_order()}


def check_spec(spec: Spec, violations: Violations) -> None:
    """Note what a spec lacks."""
    for path in (("pipelineInfo", "name"), ("schemaVersion",), ("root",)):
        if not _value(spec, path):
            violations.add(".".join(("pipeline_spec", *path)), REQUIRED)
    tasks, components = _mapping(spec, "root", "dag", "tasks"), _mapping(spec, "components")
    for name, task in tasks.items():
        component = str(_value(task, ("componentRef", "name")) or "")
        if component not in components:
            violations.add(f"pipeline_spec.root.dag.tasks.{name}", f"component '{component}' is not defined.")
    try:
        tasks_of(spec)
    except CycleError:
        violations.add("pipeline_spec.root.dag.tasks", "the tasks depend on each other in a cycle.")


def check_parameters(spec: Spec, values: Mapping[str, Any], violations: Violations) -> None:
    """Note values that the pipeline does not take, values of the wrong type, and those that are missing."""
    declared = _mapping(spec, "root", "inputDefinitions", "parameters")
    for name, value in values.items():
        field = f"runtime_config.parameter_values.{name}"
        if name not in declared:
            violations.add(field, f"'{name}' is not an input parameter of pipeline '{name_of(spec)}'.")
            continue
        kind = str(declared[name].get("parameterType", ""))
        if not _TYPES.get(kind, _anything)(value):
            violations.add(field, f"value {value!r} is not of type {kind}.")
    for name, declaration in declared.items():
        optional = declaration.get("isOptional") or "defaultValue" in declaration
        if name not in values and not optional and "parameterType" in declaration:
            violations.add(
                f"runtime_config.parameter_values.{name}",
                "input parameter has neither a value nor a default.",
            )


def _anything(value: object) -> bool:
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "STRING": lambda value: isinstance(value, str),
    "NUMBER_INTEGER": lambda value: _is_number(value) and value == int(value),
    "NUMBER_DOUBLE": _is_number,
    "BOOLEAN": lambda value: isinstance(value, bool),
    "LIST": lambda value: isinstance(value, list),
    "STRUCT": lambda value: isinstance(value, dict),
}


def _upstream(task: Spec) -> set[str]:
    inputs = _mapping(task, "inputs")
    sources = [*_mapping(inputs, "parameters").values(), *_mapping(inputs, "artifacts").values()]
    producers = {
        str(output["producerTask"])
        for source in sources
        for output in (source.get("taskOutputParameter"), source.get("taskOutputArtifact"))
        if output
    }
    return producers | {str(name) for name in task.get("dependentTasks", ())}


def _value(spec: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        spec = spec.get(part) if isinstance(spec, Mapping) else None
    return spec


def _mapping(spec: Any, *path: str) -> Mapping[str, Any]:
    value = _value(spec, path)
    return value if isinstance(value, Mapping) else {}
