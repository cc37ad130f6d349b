"""What several unit tests need: sample jobs, a check of refusals, and a walk over the package."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.jobs import Job, JobStatus

NAME = "projects/p/locations/europe-west4/pipelineJobs/j"
START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def make_job(status: JobStatus = JobStatus.ACTIVE, **fields: Any) -> Job:
    """Make a job of which only the named fields matter."""
    return Job(**({"name": NAME, "state": status.name, "status": status} | fields))


@contextmanager
def refused(field: str, value: object, rule: str) -> Iterator[pytest.ExceptionInfo[InvalidJobSpec]]:
    """Expect a refusal that names the field, the value and the rule."""
    with pytest.raises(InvalidJobSpec) as caught:
        yield caught
    text = str(caught.value)
    assert (field, True, True) == (caught.value.field, repr(value) in text, rule in text), text
    assert text.startswith(f"{field}=")


def modules_of(layer: str) -> list[ModuleType]:
    """Import every module below one layer of the package."""
    package = importlib.import_module(f"airflow_mljobs.{layer}")
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if not module.ispkg]


def public_classes(layer: str, base: type) -> list[type[Any]]:
    """Find the classes of a layer that a user can make: public, concrete, and below ``base``."""
    return [
        kind
        for module in modules_of(layer)
        for name, kind in sorted(vars(module).items())
        if inspect.isclass(kind)
        and kind.__module__ == module.__name__
        and issubclass(kind, base)
        and not name.startswith("_")
        and not inspect.isabstract(kind)
    ]
