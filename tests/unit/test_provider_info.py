"""What Airflow discovers of this provider."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from packaging.utils import canonicalize_name
from unit_samples import public_classes

import airflow_mljobs
from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.operators.base import JobOperator
from airflow_mljobs.provider_info import get_provider_info
from airflow_mljobs.sensors.base import JobSensor
from airflow_mljobs.triggers.base import JobTrigger

DISTRIBUTION = "airflow-provider-mljobs"
DISCOVERY = Path(__file__).with_name("discovery.py")
INFO = get_provider_info()
BASES: dict[str, type] = {
    "hooks": JobHook,
    "operators": JobOperator,
    "sensors": JobSensor,
    "triggers": JobTrigger,
}
LISTED = {layer: [name for each in INFO[layer] for name in each["python-modules"]] for layer in BASES}


def test_airflows_own_schema_holds() -> None:
    """Airflow reads the metadata without complaint; otherwise no provider would be found."""
    schema: dict[str, Any] = json.loads((resources.files(airflow) / "provider_info.schema.json").read_text())
    jsonschema.validate(INFO, schema)
    assert set(INFO) <= set(schema["properties"])


def test_the_metadata_is_plain_and_made_anew() -> None:
    """Whoever changes what it was given changes nothing for others."""
    assert json.loads(json.dumps(INFO)) == INFO
    get_provider_info()["operators"].clear()
    assert get_provider_info() == INFO


def test_the_package_name_is_the_distributions() -> None:
    """Airflow finds the version of the provider under the name that the metadata gives."""
    assert canonicalize_name(metadata.metadata(DISTRIBUTION)["Name"]) == INFO["package-name"]
    assert canonicalize_name(INFO["package-name"]) == INFO["package-name"]


def test_the_entry_point_leads_to_the_metadata() -> None:
    """The installed distribution announces this provider, and only it."""
    group = metadata.entry_points(group="apache_airflow_provider")
    found = [point for point in group if point.dist and point.dist.name == DISTRIBUTION]
    assert [get_provider_info] == [point.load() for point in found]


def test_the_metadata_is_written_once() -> None:
    """There is no second copy of the metadata in YAML that could say something else."""
    package = Path(inspect.getfile(get_provider_info)).parent
    assert [path.name for path in package.rglob("provider.yaml")] == []


@pytest.mark.parametrize("layer", BASES)
def test_every_module_that_a_user_imports_is_listed(layer: str) -> None:
    """Each module with something to use is named once, and no other."""
    kinds = public_classes(layer, BASES[layer])
    usable = [kind for kind in kinds if layer == "hooks" or hasattr(kind, "hook_class")]
    assert sorted({kind.__module__ for kind in usable}) == sorted(LISTED[layer])


@pytest.mark.parametrize("name", [name for names in LISTED.values() for name in names])
def test_a_listed_module_exists(name: str) -> None:
    """What the metadata names can be imported."""
    assert name == importlib.import_module(name).__name__


@pytest.mark.parametrize("path", INFO["extra-links"])
def test_a_listed_link_exists(path: str) -> None:
    """Each link class is where the metadata says, has a name, and needs no arguments."""
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name)().name


def test_every_link_of_an_operator_is_listed() -> None:
    """A link that is not listed is not shown."""
    used = {
        f"{type(link).__module__}.{type(link).__name__}"
        for kind in public_classes("operators", JobOperator)
        if hasattr(kind, "hook_class")
        for link in kind.operator_extra_links
    }
    assert sorted(used) == sorted(INFO["extra-links"])


@pytest.mark.parametrize("layer", BASES)
def test_modules_belong_to_a_declared_integration(layer: str) -> None:
    """Every list of modules stands under an integration that the metadata describes."""
    declared = {each["integration-name"] for each in INFO["integrations"]}
    assert {each["integration-name"] for each in INFO[layer]} <= declared


def test_airflow_discovers_it() -> None:
    """Airflow lists the provider with its triggers, makes its hook for a connection, and warns of nothing."""
    script = [sys.executable, str(DISCOVERY)]
    printed = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    assert json.loads(printed.splitlines()[-1]) == {
        "version": airflow_mljobs.__version__,
        "name": "ML jobs",
        "triggers": sorted(LISTED["triggers"]),
        "hook": "airflow_mljobs.hooks.kfp.KFPRunHook",
        "conn_id": "kfp_default",
        "warnings": [],
    }
