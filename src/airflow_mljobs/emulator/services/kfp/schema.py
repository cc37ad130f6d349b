"""Reading the JSON of a request as the server's gateway does: every field known, every value of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.filters import snake

Reader = Callable[[Any, str], Any]
"""Takes a value and the path that leads to it; returns what the value stands for, or refuses the request."""


class Message:
    """A message by its fields; both spellings of their names are taken, others are refused.

    :param name: shown in errors.
    :param fields: a reader for each field, by its name in snake case.
    """

    def __init__(self, name: str, /, **fields: Reader) -> None:
        self.name = name
        self.fields: Mapping[str, Reader] = fields

    def __call__(self, value: Any, path: str = "") -> dict[str, Any]:
        """Read a message; a null stands for an absent field."""
        if not isinstance(value, dict):
            raise _wrong("message", path or self.name, value)
        known = {key: snake(key) for key in value}
        for key, field in known.items():
            if field not in self.fields:
                msg = f'proto: unknown field "{key}" in {self.name}'
                raise invalid(msg)
        return {
            field: self.fields[field](value[key], f"{path}.{field}".lstrip("."))
            for key, field in known.items()
            if value[key] is not None
        }


def listing(reader: Reader) -> Reader:
    """Declare a repeated field."""

    def read(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong("repeated", path, value)
        return [reader(item, f"{path}[{number}]") for number, item in enumerate(value)]

    return read


def enum(*words: str) -> Reader:
    """Declare an enumeration, whose values may be given by number too."""

    def read(value: Any, path: str) -> str:
        if isinstance(value, int) and 0 <= value < len(words):
            return words[value]
        if value not in words:
            raise _wrong("enum", path, value)
        return str(value)

    return read


def text(value: Any, path: str) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise _wrong("string", path, value)
    return value


def whole(value: Any, path: str) -> int:
    """Read an integer, which JSON may quote."""
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise _wrong("integer", path, value) from error


def number(value: Any, path: str) -> float:
    """Read a number, which JSON may quote."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise _wrong("double", path, value) from error


def struct(value: Any, path: str) -> dict[str, Any]:
    """Read an object of any content."""
    if not isinstance(value, dict):
        raise _wrong("Struct", path, value)
    return value


def anything(value: Any, path: str) -> Any:
    """Leave a field unread."""
    return value


def message(**fields: Any) -> dict[str, Any]:
    """Return an answer's message, from which the server leaves out whatever is empty, zero or false."""
    return {name: value for name, value in fields.items() if value}


def _wrong(kind: str, path: str, value: Any) -> Exception:
    return invalid(f"proto: invalid value for {kind} field {path}: {value!r}")
