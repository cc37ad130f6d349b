"""Keeps secrets out of what Airflow stores and shows of a task's fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk.log import mask_secret

SECRET_NAME = re.compile(r"pass|secret|token|credential|private|(api|access|auth)_?key|cookie", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class Hidden:
    """A text that is shown as stars wherever Airflow writes it down."""

    text: str

    def __repr__(self) -> str:
        """Show nothing."""
        return "***"

    def serialize(self) -> str:
        """Give Airflow what it may store."""
        return repr(self)


def hide_secret(content: Any) -> Any:
    """Return an environment variable with its value hidden, when its name says that it is secret.

    Airflow knows a secret by the name of its key, and the API's ``{"name": "DB_PASSWORD", "value": …}``
    has the key ``value``; and it looks five levels deep, where a custom job's environment is deeper.

    :param content: part of a resource in its JSON form; any other than such a variable is returned as it is.
    """
    match content:
        case {"name": str(name), "value": str(value)} if SECRET_NAME.search(name):
            mask_secret(value)
            return {**content, "value": Hidden(value)}
    return content


def reveal_secrets(resource: Any) -> Any:
    """Return a resource with the values that `hide_secret` hid in it, at any depth."""
    match resource:
        case Hidden(text=text):
            return text
        case Mapping():
            return {key: reveal_secrets(value) for key, value in resource.items()}
        case list() | tuple():
            return [reveal_secrets(value) for value in resource]
    return resource
