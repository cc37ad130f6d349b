"""The page on moving over from the Google provider is held to both packages."""

from __future__ import annotations

import inspect
import pkgutil
import re
import warnings
from typing import Any

import pytest

from pages import ROOT, tables

TABLES = dict(tables(ROOT / "docs" / "moving-over.md"))
NAME = re.compile(r"`([\w.]+)`")
THERE = "airflow.providers.google.cloud.operators.vertex_ai"
PARAMETERS = {
    "`RunPipelineJobOperator`": (
        f"{THERE}.pipeline_job.RunPipelineJobOperator",
        "airflow_mljobs.operators.vertex_ai.pipeline_job.RunPipelineJobOperator",
    ),
    "`CreateCustomJobOperator`": (
        f"{THERE}.custom_job.CreateCustomJobOperator",
        "airflow_mljobs.operators.vertex_ai.custom_job.RunCustomJobOperator",
    ),
}


def found(path: str) -> Any:
    """Import what a dotted path names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no interest: what the other's imports have to say
        return pkgutil.resolve_name(path)


def named(cell: str) -> str:
    """Return the name in a cell."""
    match = NAME.search(cell)
    assert match
    return match[1]


def accepted(operator: type) -> set[str]:
    """Return the parameters of an operator, without those of every operator."""
    from airflow.sdk import BaseOperator

    names = {
        name
        for cls in operator.__mro__
        if issubclass(cls, BaseOperator) and cls is not BaseOperator
        for name in inspect.signature(cls).parameters
    }
    return names - set(inspect.signature(BaseOperator).parameters) - {"self"}


@pytest.mark.parametrize("row", TABLES["Imports"][1:], ids=lambda row: named(row[1]))
def test_imports(row: list[str]) -> None:
    """Both sides of a row can be imported from its module, in the packages at its head."""
    module, *names = map(named, row)
    packages = NAME.findall(TABLES["Imports"][0][0])

    for package, name in zip(packages, names, strict=True):
        assert inspect.isclass(found(f"{package}.{module}.{name}"))


@pytest.mark.parametrize("row", TABLES["Names that the Google provider has given up"][1:], ids=lambda r: r[0])
def test_names_given_up(row: list[str]) -> None:
    """What is named for a class that is no more can be imported."""
    assert inspect.isclass(found(named(row[1])))


@pytest.mark.parametrize("heading", PARAMETERS)
def test_parameters(heading: str) -> None:
    """The table has every parameter that there is, and those that it calls gone are the ones that are."""
    there, here = (accepted(found(path)) for path in PARAMETERS[heading])
    rows = {named(name): now for name, _, now in TABLES[heading][1:]}

    assert rows.keys() == there - {"kwargs"}
    assert {name for name, now in rows.items() if not now.startswith("gone")} == rows.keys() & here


def test_parameters_that_are_new() -> None:
    """The parameters that are said to be new are ours alone."""
    for path_there, path_here in PARAMETERS.values():
        there, here = accepted(found(path_there)), accepted(found(path_here))
        new = {"wait_for_completion", "cancel_on_kill", "durable", "poll_failure_tolerance"}
        assert here - there == new
