"""Keeps secrets out of what Airflow stores and shows of a task's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk.log import mask_secret

from airflow_mljobs.secrecy import is_secret

STARS = "***"


class Hidden(str):
    """A text that reads as stars wherever Airflow writes it down; ``secret`` is what is sent to the service.

    It is a text itself, so that the rest of a mapping that holds it keeps its JSON form.
    """

    secret: str

    def __new__(cls, shown: str, secret: str = "") -> Hidden:
        """Hide a text behind another one."""
        hidden = super().__new__(cls, shown)
        hidden.secret = secret
        return hidden


def hide_secrets(body: Any) -> Any:
    """Return a body with the texts hidden in it whose names say that they are secret, at any depth.

    Named by their key, by the ``name`` of an environment variable, or by the flag of an argument, as in
    ``--api-key=…`` and ``--api-key …``. Airflow goes by keys alone, and looks five levels deep, where a job's
    environment is deeper.

    :param body: a mapping in its JSON form, or part of one.
    """
    match body:
        case {"name": str(name), "value": value} if is_secret(name):
            return {**body, "value": _hide(value)}
        case Mapping():
            return {
                key: _hide(value) if is_secret(key) else hide_secrets(value) for key, value in body.items()
            }
        case list() | tuple():
            return _hide_in_arguments(body)
    return body


def reveal_secrets(body: Any) -> Any:
    """Return a body with the texts that `hide_secrets` hid in it."""
    match body:
        case Hidden(secret=secret):
            return secret
        case Mapping():
            return {key: reveal_secrets(value) for key, value in body.items()}
        case list() | tuple():
            return [reveal_secrets(value) for value in body]
    return body


def _hide(value: Any) -> Any:
    match value:
        case Hidden():
            return value
        case str() if value:
            return _hidden(STARS, value, mask=value)
        case Mapping():
            return {key: _hide(part) for key, part in value.items()}
        case list() | tuple():
            return [_hide(part) for part in value]
    return value


def _hidden(shown: str, secret: str, *, mask: str) -> Hidden:
    mask_secret(mask)
    return Hidden(shown, secret)


def _hide_in_arguments(words: Sequence[Any]) -> list[Any]:
    shown: list[Any] = []
    flag = ""
    for word in words:
        text = word if isinstance(word, str) else ""
        name, equals, value = text.partition("=")
        if flag and text and not text.startswith("-"):
            shown.append(_hidden(STARS, text, mask=text))
        elif value and is_secret(name) and len(name.split()) == 1:
            shown.append(_hidden(f"{name}={STARS}", text, mask=value))
        else:
            shown.append(hide_secrets(word))
        flag = text if text.startswith("-") and not equals and is_secret(text) else ""
    return shown
