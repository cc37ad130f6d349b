"""From what a user wrote to the notebook execution job that is created."""

from __future__ import annotations

import base64
import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from unit_samples import refused

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.vertex_ai.notebook_builder import (
    as_view,
    build_notebook_execution_job,
    check_job_id,
)

NOTEBOOK: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
CONTENT = json.dumps(NOTEBOOK).encode()
ENCODED = base64.b64encode(CONTENT).decode()
TEMPLATE = "projects/p/locations/r/notebookRuntimeTemplates/t"
REPOSITORY = "projects/p/locations/r/repositories/x"
KEY = "projects/p/locations/r/keyRings/k/cryptoKeys/c"
SOURCES: dict[str, Any] = {
    "dataform_repository_source": {"dataform_repository_resource_name": REPOSITORY, "commit_sha": "a1"},
    "gcs_notebook_source": {"uri": "gs://bucket/a/b.ipynb", "generation": "7"},
    "direct_notebook_source": {"content": ENCODED},
}
WITHOUT = object()
FIELD = "notebook_execution_job"
COLAB = "is for Colab Enterprise, and not given beside workbench_runtime"


def job(**fields: Any) -> dict[str, Any]:
    """Make a job that is right but for the named fields."""
    values = {
        "display_name": "Daily",
        "gcs_notebook_source": SOURCES["gcs_notebook_source"],
        "notebook_runtime_template_resource_name": TEMPLATE,
        "gcs_output_uri": "gs://bucket/out",
        "service_account": "a@p.iam.gserviceaccount.com",
    }
    return {key: value for key, value in (values | fields).items() if value is not WITHOUT}


def rivals(*names: str, **fields: Any) -> dict[str, Any]:
    """Make a job with these of the notebook sources."""
    return job(**{name: SOURCES[name] if name in names else WITHOUT for name in SOURCES}, **fields)


def camel_case(value: Any) -> Any:
    """Write field names as the REST documentation does."""
    if not isinstance(value, dict):
        return value
    words = {key: key.split("_") for key in value}
    names = {key: first + "".join(word.title() for word in rest) for key, (first, *rest) in words.items()}
    return {names[key]: camel_case(item) for key, item in value.items()}


@pytest.mark.parametrize("source", SOURCES)
def test_all_three_ways_of_writing_a_job_mean_the_same(source: str) -> None:
    """A job in snake_case, in camelCase and as the official type is one and the same."""
    given = rivals(
        source,
        execution_timeout="90s",
        kernel_name="julia",
        labels={"a": "b"},
        encryption_spec={"kms_key_name": KEY},
    )
    built = build_notebook_execution_job(given)
    assert source in built
    assert (built.kernel_name, built.encryption_spec.kms_key_name) == ("julia", KEY)
    assert [built, built] == [build_notebook_execution_job(other) for other in (camel_case(given), built)]


def test_what_was_given_is_left_as_it_was() -> None:
    """The user's own resource is not written to: a retry builds from it again."""
    given = job(execution_timeout=5)
    before = copy.deepcopy(given)
    build_notebook_execution_job(given).display_name = "changed"
    assert before == given


@pytest.mark.parametrize(
    "environment",
    [
        {"notebook_runtime_template_resource_name": TEMPLATE},
        {"custom_environment_spec": {"machine_spec": {"machine_type": "e2-standard-4"}}},
        {"workbench_runtime": {}},
        {"workbench_runtime": {}, "custom_environment_spec": {}},
    ],
)
def test_environments(environment: dict[str, Any]) -> None:
    """A job runs in a template's runtime, one of its own, or on Workbench, by itself or made to measure."""
    built = build_notebook_execution_job(
        job(**{"notebook_runtime_template_resource_name": WITHOUT} | environment)
    )
    assert [name for name in environment if name not in built] == []


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (timedelta(minutes=1, milliseconds=500), 60.5),
        (90, 90),
        (0.25, 0.25),
        ("3.5s", 3.5),
        ("3600", 3600),
        (None, 0),
    ],
)
@pytest.mark.parametrize("name", ["execution_timeout", "executionTimeout"])
def test_a_timeout_is_written_as_one_likes(timeout: Any, seconds: float, name: str) -> None:
    """A timeout is a timedelta, seconds, or the API's text; a number from a template is a text, too."""
    built = build_notebook_execution_job(job(**{name: timeout}))
    assert built.execution_timeout == timedelta(seconds=seconds)


@pytest.mark.parametrize("timeout", ["soon", "5m", "xs", [], True, float("nan"), float("inf")])
def test_what_is_no_timeout_is_refused(timeout: Any) -> None:
    """Anything else is no timeout."""
    rule = "is a timedelta, a number of seconds, or text such as 3.5s"
    with refused(f"{FIELD}.execution_timeout", timeout, rule):
        build_notebook_execution_job(job(execution_timeout=timeout))


@pytest.mark.parametrize(
    ("timeout", "shown"), [(0, "0s"), (-1, "-1s"), ("0s", "0s"), ("-3.5", "-3.500s"), (timedelta(0), "0s")]
)
def test_a_timeout_lasts(timeout: Any, shown: str) -> None:
    """A job without any time is refused."""
    with refused(f"{FIELD}.execution_timeout", shown, "is longer than 0 seconds"):
        build_notebook_execution_job(job(execution_timeout=timeout))


def test_a_timeout_of_the_official_type_lasts() -> None:
    """The official type is held to the same rule."""
    given = build_notebook_execution_job(job())
    given.execution_timeout = timedelta(seconds=-1)
    with refused(f"{FIELD}.execution_timeout", "-1s", "is longer than 0 seconds"):
        build_notebook_execution_job(given)


def test_a_timeout_is_given_once() -> None:
    """Of two spellings of the timeout neither is quietly dropped."""
    with refused(f"{FIELD}.execution_timeout", ["1s", "2s"], "is given once"):
        build_notebook_execution_job(job(execution_timeout="1s", executionTimeout="2s"))


@pytest.mark.parametrize(
    ("given", "union", "named"),
    [
        (rivals(), "notebook_source", []),
        (rivals("gcs_notebook_source", "direct_notebook_source"), "notebook_source", ...),
        (camel_case(rivals("dataform_repository_source", "gcs_notebook_source")), "notebook_source", ...),
        (job(notebook_runtime_template_resource_name=WITHOUT), "environment_spec", []),
        (
            job(custom_environment_spec={}),
            "environment_spec",
            ["notebook_runtime_template_resource_name", "custom_environment_spec"],
        ),
        (job(service_account=WITHOUT), "execution_identity", []),
        (job(execution_user="a@b.c"), "execution_identity", ["execution_user", "service_account"]),
    ],
)
def test_one_of_each_union(given: dict[str, Any], union: str, named: Any) -> None:
    """Of each union exactly one member is given; the refusal says which were."""
    expected = [name for name in SOURCES if name in given or camel_case({name: 0}).keys() & given.keys()]
    with refused(f"{FIELD}.{union}", expected if named is ... else named, "is exactly one of "):
        build_notebook_execution_job(given)


@pytest.mark.parametrize(
    ("fields", "field", "shown", "rule"),
    [
        ({"display_name": ""}, "display_name", "", "has 1 to 128 characters"),
        ({"labels": {"Team": "x"}}, "labels", "Team", "a key begins with a lower-case letter"),
        ({"gcs_output_uri": WITHOUT}, f"{FIELD}.gcs_output_uri", "", "gs://BUCKET"),
        ({"gcs_output_uri": "/tmp/out"}, f"{FIELD}.gcs_output_uri", "/tmp/out", "gs://BUCKET"),
        ({"gcs_output_uri": "gs://"}, f"{FIELD}.gcs_output_uri", "gs://", "gs://BUCKET"),
        ({"service_account": "me"}, f"{FIELD}.service_account", "me", "is an email address"),
        ({"gcs_notebook_source": {"uri": "b.ipynb"}}, f"{FIELD}.gcs_notebook_source.uri", "b.ipynb", "gs://"),
        ({"gcs_notebook_source": {"uri": "gs://b"}}, f"{FIELD}.gcs_notebook_source.uri", "gs://b", "NAME"),
        (
            {"notebook_runtime_template_resource_name": "t"},
            f"{FIELD}.notebook_runtime_template_resource_name",
            "t",
            "notebookRuntimeTemplates/ID",
        ),
        ({"encryption_spec": {}}, f"{FIELD}.encryption_spec.kms_key_name", "", "cryptoKeys/KEY"),
        (
            {"workbench_runtime": {}},
            f"{FIELD}.notebook_runtime_template_resource_name",
            TEMPLATE,
            COLAB,
        ),
        ({"kernel": "x"}, FIELD, sorted(job(kernel="x")), '"kernel"'),
        ({"gcs_notebook_source": "x"}, f"{FIELD}.gcs_notebook_source", "str", "has the form of a"),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused(
    fields: dict[str, Any], field: str, shown: object, rule: str
) -> None:
    """Each field is held to its form."""
    with refused(field, shown, rule):
        build_notebook_execution_job(job(**fields))


def test_a_repository_is_named_whole() -> None:
    """A repository is given by its full resource name."""
    source = {"dataform_repository_resource_name": "x"}
    field = f"{FIELD}.dataform_repository_source.dataform_repository_resource_name"
    with refused(field, "x", "repositories/ID"):
        build_notebook_execution_job(job(gcs_notebook_source=WITHOUT, dataform_repository_source=source))


def test_workbench_runs_as_no_user() -> None:
    """On Workbench a job runs as a service account."""
    given = job(
        workbench_runtime={},
        execution_user="a@b.c",
        service_account=WITHOUT,
        notebook_runtime_template_resource_name=WITHOUT,
    )
    with refused(f"{FIELD}.execution_user", "a@b.c", COLAB):
        build_notebook_execution_job(given)


@pytest.mark.parametrize("given", [[1], "x", None])
def test_what_is_no_job_is_refused(given: Any) -> None:
    """Something that is neither a mapping nor the official type is refused by its type."""
    with refused(FIELD, type(given).__name__, "has the form of a NotebookExecutionJob"):
        build_notebook_execution_job(given)


def test_keys_of_the_service_may_be_set() -> None:
    """A label under the service's own prefix, such as a consent, is not held to our rule."""
    label = {"aiplatform.googleapis.com/notebook_runtime_out_of_org_warning": "ack"}
    assert label == build_notebook_execution_job(job(labels=label)).labels


@pytest.mark.parametrize("form", ["path", "text", "mapping"])
def test_a_notebook_is_sent_along(form: str, tmp_path: Path) -> None:
    """A notebook is given as a path, a path's text, or its JSON."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(CONTENT)
    notebook: Any = {"path": path, "text": str(path), "mapping": NOTEBOOK}[form]
    built = build_notebook_execution_job(rivals(), notebook=notebook)
    assert built.direct_notebook_source.content == CONTENT


def test_a_notebook_and_a_source_are_too_much() -> None:
    """A notebook is not sent along with a job that has one."""
    with refused("notebook", "dict", "is not given beside gcs_notebook_source"):
        build_notebook_execution_job(job(), notebook=NOTEBOOK)


@pytest.mark.parametrize(
    ("notebook", "shown", "rule"),
    [
        ("nowhere.ipynb", "nowhere.ipynb", "a file on this machine: No such file"),
        ("gs://b/a.ipynb", "gs://b/a.ipynb", "give gcs_notebook_source for one in a bucket"),
        ({"cells": {1}}, ["cells"], "is JSON"),
        ({"nbformat": 4}, "15 bytes", "JSON with a list of cells"),
        (Path(__file__), f"{Path(__file__).stat().st_size} bytes", "JSON with a list of cells"),
    ],
)
def test_what_is_no_notebook_is_refused(notebook: Any, shown: object, rule: str) -> None:
    """A file that is not there, or holds something else, is refused."""
    with refused("notebook", shown, rule):
        build_notebook_execution_job(rivals(), notebook=notebook)


@pytest.mark.parametrize("content", [b"", b"s3cret", b"[]", b'{"s3cret": 1}'])
def test_content_that_is_no_notebook_is_refused(content: bytes) -> None:
    """The content of a direct source is a notebook; a refusal does not tell it."""
    direct = job(gcs_notebook_source=WITHOUT, direct_notebook_source={"content": content})
    given = types.NotebookExecutionJob(direct)
    field = f"{FIELD}.direct_notebook_source.content"
    with refused(field, f"{len(content)} bytes", "JSON with a list of cells"):
        build_notebook_execution_job(given)


def test_a_refusal_tells_no_secret() -> None:
    """However wrongly a source is written, what it holds stays out of the error."""
    for content in ({"content": ["s3cret"]}, {"content": {"x": "s3cret"}}, {"contents": "s3cret"}):
        with pytest.raises(InvalidJobSpec) as caught:
            build_notebook_execution_job(job(gcs_notebook_source=WITHOUT, direct_notebook_source=content))
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("job_id", ["", "a/b", "a b", "-a", "a" * 129, "é"])
def test_an_id_that_is_no_part_of_a_name_is_refused(job_id: str) -> None:
    """An id is one part of a resource name."""
    with refused("notebook_execution_job_id", job_id, "has 1 to 128 letters, digits"):
        check_job_id(job_id)


def test_views_have_short_names() -> None:
    """A view is BASIC or FULL."""
    views = types.NotebookExecutionJobView
    assert [as_view("BASIC"), as_view("FULL")] == [
        views.NOTEBOOK_EXECUTION_JOB_VIEW_BASIC,
        views.NOTEBOOK_EXECUTION_JOB_VIEW_FULL,
    ]
    with refused("view", "full", "is BASIC, or FULL"):
        as_view("full")
