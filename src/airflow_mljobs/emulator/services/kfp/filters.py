"""The filters of the server's lists: predicates in JSON, all of which must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.services.kfp.schema import Message, Reader, enum, listing, text, whole
from airflow_mljobs.emulator.services.kfp.server import V1
from airflow_mljobs.emulator.store import Condition

COMPARISONS = {
    "EQUALS": "=",
    "NOT_EQUALS": "<>",
    "GREATER_THAN": ">",
    "GREATER_THAN_EQUALS": ">=",
    "LESS_THAN": "<",
    "LESS_THAN_EQUALS": "<=",
}
_OPERATIONS = (*COMPARISONS, "IN", "IS_SUBSTRING")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ARCHIVAL_PREFIX = "STORAGESTATE_"


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a list can be filtered and sorted by.

    :param sql: an expression that is never null.
    :param read: the same of an item at hand.
    :param is_time: whether it counts the seconds since the epoch; otherwise it is a text.
    """

    sql: str
    read: Callable[[Any], str | float]
    is_time: bool = False


def _moment(value: Any, path: str) -> int:
    try:
        return int(datetime.fromisoformat(text(value, path)).timestamp())
    except ValueError as error:
        msg = f"proto: invalid value for Timestamp field {path}: {value!r}"
        raise invalid(msg) from error


def _message(operation: str, unknown: str) -> Message:
    values: dict[str, Reader] = {
        "int_value": whole,
        "long_value": whole,
        "string_value": text,
        "timestamp_value": _moment,
        "int_values": Message("IntValues", values=listing(whole)),
        "long_values": Message("LongValues", values=listing(whole)),
        "string_values": Message("StringValues", values=listing(text)),
    }
    fields: dict[str, Reader] = {operation: enum(unknown, *_OPERATIONS), "key": text, **values}
    return Message("Filter", predicates=listing(Message("Predicate", **fields)))


_V1_FILTER, _V2_FILTER = _message("op", "UNKNOWN"), _message("operation", "OPERATION_UNSPECIFIED")


def compile_filter(raw: str, api: str, known: Mapping[str, Column]) -> Condition:
    """Turn a filter into a condition; an empty one holds for all.

    The server decodes the text once more after the gateway did: a plus sign becomes a space, and a percent
    sign that stands for nothing makes the request a bad one.
    """
    condition = Condition(sql="1")
    if not raw:
        return condition
    if _STRAY_PERCENT.search(raw):
        msg = "Invalid input error: failed to decode the filter: invalid URL escape"
        raise invalid(msg)
    try:
        content = json.loads(unquote_plus(raw))
    except ValueError as error:
        msg = f"Invalid input error: failed to parse the filter: {error}"
        raise invalid(msg) from error
    operation, form = ("op", _V1_FILTER) if api == V1 else ("operation", _V2_FILTER)
    for predicate in form(content).get("predicates", ()):
        condition &= _predicate(dict(predicate), operation, known)
    return condition


def _predicate(predicate: dict[str, Any], operation: str, known: Mapping[str, Column]) -> Condition:
    word, key = predicate.pop(operation, ""), predicate.pop("key", "")
    if key not in known:
        msg = f"Invalid input error: no support for filtering on unrecognized field: {key!r}"
        raise invalid(msg)
    if word not in _OPERATIONS or len(predicate) != 1:
        msg = f"Invalid input error: predicate on {key!r} needs an {operation} and exactly one value"
        raise invalid(msg)
    ((form, value),) = predicate.items()
    values = value.get("values", []) if isinstance(value, dict) else [value]
    column = known[key]
    if form.startswith("string") is column.is_time or form.endswith("s") is not (word == "IN"):
        msg = f"Invalid input error: {form} cannot be used with {word} on {key!r}"
        raise invalid(msg)
    if key == "storage_state":
        values = [item.removeprefix(_ARCHIVAL_PREFIX) for item in values]
    if word == "IN":
        return Condition(sql=f"({column.sql} IN ({', '.join('?' * len(values))}))", parameters=tuple(values))
    if word == "IS_SUBSTRING":
        return Condition(sql=f"(instr({column.sql}, ?) > 0)", parameters=tuple(values))
    return Condition(sql=f"({column.sql} {COMPARISONS[word]} ?)", parameters=tuple(values))
