"""The checks that services share, and their way of listing what is wrong with a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_mljobs.emulator.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCATION = re.compile(r"projects/[^/\s]+/locations/[a-z0-9-]+")
_LABEL_KEY = re.compile(r"[\w-]{1,63}")
_LABEL_VALUE = re.compile(r"[\w-]{0,63}")
_SYSTEM_LABEL = "aiplatform.googleapis.com/"
_MAX_LABELS = 64
_MAX_DISPLAY_NAME = 128
REQUIRED = "Required field is not set."


class Violations:
    """Collects what is wrong, field by field, and refuses the request with all of it at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []

    def add(self, field: str, message: str) -> None:
        """Note one field and the rule that it breaks."""
        self._found.append((field, message))

    def require(self, field: str, value: object) -> None:
        """Note a field that must not be empty."""
        if not value:
            self.add(field, REQUIRED)

    def raise_if_any(self) -> None:
        """End the request unless nothing was found."""
        if self._found:
            lines = "".join(
                f"{n}.Field: {field}; Message: {text}\t" for n, (field, text) in enumerate(self._found, 1)
            )
            msg = f"List of found errors:\t{lines}"
            raise invalid(msg)


def check_location(field: str, value: str) -> None:
    """Refuse a parent that is not a location; any project and any region will do."""
    if not _LOCATION.fullmatch(value):
        violations = Violations()
        violations.add(field, f"'{value}' must be of the form projects/{{project}}/locations/{{location}}.")
        violations.raise_if_any()


def check_display_name(value: str, violations: Violations) -> None:
    """Note a display name that is too long."""
    if len(value) > _MAX_DISPLAY_NAME:
        violations.add(
            "display_name", f"must be at most {_MAX_DISPLAY_NAME} characters long, got {len(value)}."
        )


def check_labels(labels: Mapping[str, str], violations: Violations) -> None:
    """Note labels outside of the alphabet: lower case, digits, dashes, underscores, letters of any script."""
    if len(labels) > _MAX_LABELS:
        violations.add("labels", f"must be at most {_MAX_LABELS}, got {len(labels)}.")
    for key, value in labels.items():
        own = key.removeprefix(_SYSTEM_LABEL)
        if not _LABEL_KEY.fullmatch(own) or own != own.lower():
            violations.add("labels", f"key '{key}' {_LABEL_RULE.format(least=1)}")
        if not _LABEL_VALUE.fullmatch(value) or value != value.lower():
            violations.add(f"labels.{key}", f"value '{value}' {_LABEL_RULE.format(least=0)}")


_LABEL_RULE = "must have {least} to 63 lowercase letters, digits, underscores and dashes."
