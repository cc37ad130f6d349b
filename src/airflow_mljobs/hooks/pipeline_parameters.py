"""The parameters of a compiled pipeline, whichever service runs it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from airflow_mljobs.exceptions import InvalidJobSpec

# The words of both generations of the spec: https://github.com/kubeflow/pipelines, pipeline_spec.proto
PARAMETER_TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "INT": (int,),
    "NUMBER_DOUBLE": (int, float),
    "DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list, tuple),
    "STRUCT": (dict,),
}


def check_parameters(declared: Mapping[str, Any], values: Mapping[str, Any], *, field: str) -> None:
    """Hold values to what a compiled pipeline declares of its parameters.

    :param declared: the parameters in the ``inputDefinitions`` of its root.
    :param values: what is given for them.
    :param field: what the caller calls the values.
    :raises InvalidJobSpec: naming the first value that breaks a rule, or a parameter that lacks one.
    """
    for name, value in values.items():
        entry = f"{field}[{name!r}]"
        if name not in declared:
            raise InvalidJobSpec(
                field=entry, value=value, rule=f"the pipeline takes {named(declared, 'parameters')}"
            )
        kind = type_of(declared[name])
        allowed = PARAMETER_TYPES.get(kind)
        is_bool = isinstance(value, bool)
        # An old spec carries everything that is not a number as text.
        if kind == "STRING" and "type" in declared[name] and isinstance(value, bool | dict | list):
            continue
        if allowed and (not isinstance(value, allowed) or (is_bool and bool not in allowed)):
            hint = (
                "; set render_template_as_native_obj on the DAG to keep types"
                if isinstance(value, str)
                else ""
            )
            raise InvalidJobSpec(field=entry, value=value, rule=f"the pipeline declares {kind}{hint}")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidJobSpec(field=entry, value=value, rule="is a finite number: JSON has no other")
    for name, definition in declared.items():
        optional = definition.get("isOptional") or "defaultValue" in definition
        if name not in values and not optional and "parameterType" in definition:
            raise InvalidJobSpec(field=field, value=sorted(values), rule=f"the pipeline requires {name!r}")


def type_of(definition: Mapping[str, Any]) -> str:
    """Return a parameter's type, in the words of either generation of the spec."""
    return str(definition.get("parameterType") or definition.get("type"))


def named(declared: Mapping[str, Any], what: str) -> str:
    """Name what a pipeline takes, for a refusal of what it does not."""
    return f"the {what} {', '.join(sorted(declared))}" if declared else f"no {what}"
