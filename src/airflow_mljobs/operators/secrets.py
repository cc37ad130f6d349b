"""Keeps secrets out of what Airflow stores and shows of a task's fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow.sdk.log import mask_secret

SECRET_NAME = re.compile(r"pass|secret|token|credential|private|(api|access|auth)_?key|cookie", re.IGNORECASE)


def mask_environment(resource: Any) -> None:
    """Have Airflow mask the values of environment variables whose names say that they are secret.

    A rendered field is stored and shown; Airflow knows a secret in it by the name of its key, and the
    API's ``{"name": "DB_PASSWORD", "value": …}`` has the key ``value``.

    :param resource: a resource in its JSON form, of any depth.
    """
    if isinstance(resource, Mapping):
        name, value = resource.get("name"), resource.get("value")
        if isinstance(name, str) and isinstance(value, str) and SECRET_NAME.search(name):
            mask_secret(value)
        for item in resource.values():
            mask_environment(item)
    elif isinstance(resource, list | tuple):
        for item in resource:
            mask_environment(item)
