"""Reads JSON as a Google service reads it whose messages a discovery document describes."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from googleapiclient.discovery_cache import get_static_doc

from airflow_mljobs.emulator.errors import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNDERSCORE = re.compile(r"_([a-z0-9])")
_SELECTED = re.compile(r"\w+|[(),/]")


@cache
def schemas(api: str, version: str) -> Mapping[str, Any]:
    """Give the messages of a service by name, from the document that ships with the official client."""
    document = get_static_doc(api, version)
    if document is None:
        msg = f"the installed google-api-python-client has no document of {api} {version}"
        raise LookupError(msg)
    found: Mapping[str, Any] = json.loads(document)["schemas"]
    return found


def read_message(known: Mapping[str, Any], name: str, value: Any, *, at: str) -> dict[str, Any]:
    """Return the JSON as the service would write it: camel case, 64-bit numbers as text, no output fields.

    :param known: the messages of the service.
    :param name: the message that is expected.
    :param value: what the client sent.
    :param at: what the service calls the message in its errors.
    :raises ServiceError: for an unknown field, or a value of another type.
    """
    if not isinstance(value, dict):
        raise _wrong(at, value)
    fields = known[name].get("properties", {})
    message: dict[str, Any] = {}
    for key, item in value.items():
        camel = _UNDERSCORE.sub(lambda found: found[1].upper(), key)
        if camel not in fields:
            msg = f"Invalid JSON payload received. Unknown name \"{key}\" at '{at}': Cannot find field."
            raise invalid(msg)
        field = fields[camel]
        is_output = field.get("readOnly") or field.get("description", "").startswith("Output only.")
        if item is not None and not is_output:
            message[camel] = _read(known, field, item, at=f"{at}.{camel}")
    return message


def pick(known: Mapping[str, Any], name: str, message: dict[str, Any], fields: str) -> dict[str, Any]:
    """Keep of an answer what `fields` names, such as `jobs(jobId,state),nextPageToken`.

    Google's services take this parameter for all of their methods:
    https://developers.google.com/docs/api/how-tos/performance.

    :param known: the messages of the service.
    :param name: the message that is answered with.
    :param message: the answer.
    :param fields: the parameter; empty for all.
    :raises ServiceError: when it names what the message does not have, or cannot be read.
    """
    if not fields:
        return message
    words = _SELECTED.findall(fields)
    tree = _selection(iter([*words, ")"]))
    whole = "".join(words) == "".join(fields.split()) and words.count("(") == words.count(")")
    if not whole or not _fits(known, {"$ref": name}, tree):
        msg = f"Invalid field selection {fields}"
        raise invalid(msg)
    picked: dict[str, Any] = _picked(message, tree)
    return picked


def _selection(words: Iterator[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    node = tree
    for word in words:
        match word:
            case ")":
                return tree
            case ",":
                node = tree
            case "(":
                node.update(_selection(words))
            case "/":
                continue
            case _:
                node = node.setdefault(word, {})
    return tree


def _fits(known: Mapping[str, Any], field: Mapping[str, Any], tree: Mapping[str, Any]) -> bool:
    if field.get("type") == "array":
        return _fits(known, field["items"], tree)
    inner = known[field["$ref"]]["properties"] if "$ref" in field else {}
    return all(name in inner and _fits(known, inner[name], part) for name, part in tree.items())


def _picked(value: Any, tree: Mapping[str, Any]) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_picked(item, tree) for item in value]
    return {name: _picked(value[name], part) for name, part in tree.items() if name in value}


def _read(known: Mapping[str, Any], field: Mapping[str, Any], value: Any, *, at: str) -> Any:
    if "$ref" in field:
        return read_message(known, field["$ref"], value, at=at)
    match field["type"], value:
        case "array", list():
            return [
                _read(known, field["items"], item, at=f"{at}[{number}]") for number, item in enumerate(value)
            ]
        case "object", dict():
            each = field["additionalProperties"]
            return {key: _read(known, each, item, at=f"{at}.{key}") for key, item in value.items()}
        case "string", int() if field.get("format") == "int64" and not isinstance(value, bool):
            return str(value)
        case "string", str() if field.get("format") == "int64" and not re.fullmatch(r"-?\d+", value):
            raise _wrong(at, value)
        case "string", str() if "enum" in field and value not in field["enum"]:
            raise _wrong(at, value)
        case ("string", str()) | ("boolean", bool()):
            return value
        case ("integer", int()) | ("number", int() | float()) if not isinstance(value, bool):
            return value
    raise _wrong(at, value)


def _wrong(at: str, value: Any) -> ServiceError:
    return invalid(f"Invalid value at '{at}': {json.dumps(value)[:200]}")
