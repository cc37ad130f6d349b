"""From what a user wrote to the custom job that is created."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from unit_samples import refused

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.vertex_ai.custom_job_builder import build_custom_job

CONTAINER: dict[str, Any] = {"container_spec": {"image_uri": "python:3.11", "args": ["--epochs", "5"]}}
PACKAGE: dict[str, Any] = {
    "python_package_spec": {
        "executor_image_uri": "python:3.11",
        "package_uris": ["gs://b/p.tar.gz"],
        "python_module": "train.main",
    }
}
POOLS = "custom_job.job_spec.worker_pool_specs"
FORM = "has the form of a CustomJob"


def job(*pools: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make a custom job of these pools."""
    return {"display_name": "Train", "job_spec": {"worker_pool_specs": list(pools)}} | fields


def without(required: str) -> dict[str, Any]:
    """Return the pool of a Python package without one of its fields."""
    spec = {key: value for key, value in PACKAGE["python_package_spec"].items() if key != required}
    return {"python_package_spec": spec}


def camel_case(value: Any) -> Any:
    """Write field names as the REST documentation does."""
    if isinstance(value, dict):
        return {_camel(key): camel_case(item) for key, item in value.items()}
    return [camel_case(item) for item in value] if isinstance(value, list) else value


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.title() for word in rest)


@pytest.mark.parametrize("pool", [CONTAINER, PACKAGE], ids=["container", "package"])
def test_all_three_ways_of_writing_a_job_mean_the_same(pool: dict[str, Any]) -> None:
    """A job in snake_case, in camelCase and as the official type is one and the same."""
    official = types.CustomJob(job(pool))
    assert [official] * 3 == [
        build_custom_job(source) for source in (job(pool), camel_case(job(pool)), official)
    ]


@pytest.mark.parametrize("make", [job, lambda pool: types.CustomJob(job(pool))], ids=["dict", "official"])
def test_what_was_given_is_left_as_it_was(make: Any) -> None:
    """The user's own resource is not written to: a retry builds from it again."""
    source = make(CONTAINER)
    before = copy.deepcopy(source)
    built = build_custom_job(source, labels={"team": "risk"})
    built.display_name = "changed"
    assert before == source
    assert dict(built.labels) == {"team": "risk"}


def test_further_labels_join_the_jobs_own() -> None:
    """Labels given beside the job are added, and win."""
    built = build_custom_job(job(CONTAINER, labels={"a": "1", "b": "1"}), labels={"b": "2"})
    assert dict(built.labels) == {"a": "1", "b": "2"}


def test_an_empty_later_pool_keeps_its_place() -> None:
    """A job without parameter servers leaves their pool empty, as the API has it."""
    built = build_custom_job(job(CONTAINER, {}, CONTAINER))
    assert ["container_spec" in pool for pool in built.job_spec.worker_pool_specs] == [True, False, True]


@pytest.mark.parametrize(
    "source",
    [job(), {"display_name": "Train", "job_spec": {}}, {"display_name": "Train"}, {"displayName": "Train"}],
)
def test_a_job_without_pools_is_refused(source: dict[str, Any]) -> None:
    """A custom job has at least one worker pool."""
    with refused(POOLS, [], "holds at least one worker pool"):
        build_custom_job(source)


@pytest.mark.parametrize(
    ("pools", "number"),
    [
        ([{}], 0),
        ([{"replica_count": 1}], 0),
        ([{}, CONTAINER], 0),
        ([CONTAINER, {"replica_count": 1}], 1),
    ],
    ids=["empty", "no work", "the first must work", "a later one without work"],
)
def test_a_pool_without_work_is_refused(pools: list[dict[str, Any]], number: int) -> None:
    """A pool runs a container or a package."""
    with refused(f"{POOLS}[{number}]", "neither", "has either container_spec or python_package_spec"):
        build_custom_job(job(*pools))


def test_a_pool_with_both_kinds_of_work_is_refused() -> None:
    """A pool does not run a container and a package at once; the refusal leads to the pool."""
    with refused(f"{POOLS}[0]", sorted(CONTAINER | PACKAGE), 'should not have multiple "task" oneof fields'):
        build_custom_job(job(CONTAINER | PACKAGE))


@pytest.mark.parametrize("image", [{}, {"image_uri": ""}, {"args": ["x"]}])
def test_a_container_without_image_is_refused(image: dict[str, Any]) -> None:
    """A container names its image."""
    with refused(f"{POOLS}[0].container_spec.image_uri", "", "names an image"):
        build_custom_job(job({"container_spec": image}))


@pytest.mark.parametrize("required", PACKAGE["python_package_spec"])
def test_a_package_without_a_required_field_is_refused(required: str) -> None:
    """A package names its image, its files and its module; a later pool's as well."""
    with refused(f"{POOLS}[1].python_package_spec.{required}", "", "must be given"):
        build_custom_job(job(PACKAGE, without(required)))


@pytest.mark.parametrize(
    ("source", "field", "shown", "rule"),
    [
        (job(CONTAINER, unknown=1), "custom_job", ["display_name", "job_spec", "unknown"], '"unknown"'),
        (job(CONTAINER | {"replicas": 2}), f"{POOLS}[0]", sorted(CONTAINER | {"replicas": 2}), '"replicas"'),
        (job({"replica_count": "many"}), "custom_job", ["display_name", "job_spec"], "replica_count"),
        ({"display_name": "Train", "job_spec": "x"}, "custom_job.job_spec", "str", "job_spec"),
        ({"display_name": 5}, "custom_job", ["display_name"], "display_name"),
        ([1], "custom_job", "list", FORM),
        ("train", "custom_job", "str", FORM),
        (None, "custom_job", "NoneType", FORM),
    ],
)
def test_what_is_no_custom_job_is_refused(source: Any, field: str, shown: object, rule: str) -> None:
    """A field that the API does not know, or of another type, is named."""
    with refused(field, shown, rule):
        build_custom_job(source)


@pytest.mark.parametrize(
    ("labels", "field", "shown"),
    [
        ({"Team": "x"}, "labels", "Team"),
        ({"team": "X"}, "labels['team']", "X"),
        ({"a" * 64: "x"}, "labels", "a" * 64),
    ],
)
def test_bad_labels_are_refused(labels: dict[str, str], field: str, shown: str) -> None:
    """Labels in the job and beside it are held to the service's rule."""
    for source, further in ((job(CONTAINER, labels=labels), {}), (job(CONTAINER), labels)):
        with refused(field, shown, "at most 63 of a-z, 0-9, _ and -"):
            build_custom_job(source, labels=further)


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_display_name_out_of_bounds_is_refused(name: str) -> None:
    """A display name has 1 to 128 characters."""
    with refused("display_name", name, "has 1 to 128 characters"):
        build_custom_job(job(CONTAINER, display_name=name))


@pytest.mark.parametrize(
    "env",
    [
        {"PASSWORD": "s3cret"},
        "s3cret",
        ["s3cret"],
        [{"name": "PASSWORD", "value": ["s3cret"]}],
        [{"name": "PASSWORD", "valeu": "s3cret"}],
        [{"name": "PASSWORD", "value": {"secret": "s3cret"}}],
    ],
)
def test_a_refusal_tells_no_secret(env: Any) -> None:
    """However wrongly the environment is written, its values stay out of the error."""
    container = CONTAINER["container_spec"] | {"env": env}
    with pytest.raises(InvalidJobSpec) as caught:
        build_custom_job(job({"container_spec": container}))
    assert "s3cret" not in str(caught.value)
