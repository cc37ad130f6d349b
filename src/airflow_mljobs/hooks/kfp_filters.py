"""The filters of the server's lists.

https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/filter.proto
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from airflow_mljobs.exceptions import InvalidJobSpec

Predicates = Iterable[Mapping[str, Any]]

OPERATION = {"v1beta1": "op", "v2beta1": "operation"}


def equals(key: str, value: str) -> dict[str, Any]:
    """Ask for a text to be this one."""
    return {"key": key, "operation": "EQUALS", "string_value": value}


def one_of(key: str, values: Iterable[str]) -> dict[str, Any]:
    """Ask for a text to be one of these."""
    return {"key": key, "operation": "IN", "string_values": {"values": list(values)}}


def contains(key: str, value: str) -> dict[str, Any]:
    """Ask for a text to hold another."""
    return {"key": key, "operation": "IS_SUBSTRING", "string_value": value}


def list_filter(given: str | Predicates | None, *, generation: str) -> str | None:
    """Write a filter as the server reads it, in the words of the generation.

    :param given: predicates that must all hold, also as the JSON text ``{"predicates": […]}``.
    :param generation: of the API.
    :raises InvalidJobSpec: when it is something else.
    """
    predicates = _parse(given) if isinstance(given, str) and given else list(given or ())
    if not predicates:
        return None
    word = OPERATION[generation]
    written = [
        {word if name in OPERATION.values() else name: value for name, value in predicate.items()}
        for predicate in predicates
    ]
    # The server decodes the value once more than HTTP has it: a plus sign would become a space.
    return quote(json.dumps({"predicates": written}))


def _parse(text: str) -> list[Mapping[str, Any]]:
    with contextlib.suppress(ValueError, TypeError, KeyError):
        predicates = json.loads(text)["predicates"]
        if all(isinstance(predicate, dict) for predicate in predicates):
            return list(predicates)
    raise InvalidJobSpec(
        field="filter",
        value=text,
        rule='is JSON, such as {"predicates": [{"key": "name", "operation": "EQUALS", "string_value": "x"}]}',
    )
