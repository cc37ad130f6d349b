"""From a compiled pipeline and a user's values to the resource that is created."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from unit_samples import refused

from airflow_mljobs.hooks.vertex_ai.pipeline_builder import build_pipeline_job, check_job_id

FAST = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_FAST
SLOW = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_FAIL_SLOW
UNSET = types.PipelineFailurePolicy.PIPELINE_FAILURE_POLICY_UNSPECIFIED


def template(
    inputs: dict[str, Any] | None = None, runtime: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    """Make a compiled pipeline with a nested one inside."""
    root = {"dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}}, "b": {}}}}
    inner = {"dag": {"tasks": {"c": {"cachingOptions": {"enableCache": True}}}}}
    return {
        "pipelineSpec": {
            "pipelineInfo": {"name": "train"},
            "schemaVersion": "2.1.0",
            "root": root | ({"inputDefinitions": inputs} if inputs else {}),
            "components": {"comp-a": inner, "comp-b": {"executorLabel": "exec-b"}},
        }
        | spec,
        "runtimeConfig": runtime or {},
    }


def build(source: dict[str, Any] | None = None, **fields: Any) -> types.PipelineJob:
    """Build a job of which only the named fields matter."""
    known = {"display_name": "Train", "template_path": "p.yaml", "default_root": "gs://default"}
    return build_pipeline_job(source or template(), **(known | fields))


def json_of(job: types.PipelineJob) -> dict[str, Any]:
    """Return a job as the service would read it."""
    values: dict[str, Any] = json_format.MessageToDict(types.PipelineJob.pb(job))
    return values


def test_the_least_is_enough() -> None:
    """A name and a pipeline make a job; what was not given is not sent."""
    expected = {
        "displayName": "Train",
        "pipelineSpec": template()["pipelineSpec"],
        "runtimeConfig": {"gcsOutputDirectory": "gs://default"},
    }
    assert expected == json_of(build())


def test_every_field_reaches_the_resource() -> None:
    """All that a user says of the job itself is in the resource, under the API's names."""
    job = build(
        encryption_spec_key_name="projects/p/locations/r/keyRings/k/cryptoKeys/c",
        labels={"team": "risk"},
        service_account="sa@p.iam.gserviceaccount.com",
        network="projects/1/global/networks/n",
        reserved_ip_ranges=["range-1"],
    )
    values = json_of(job)
    assert {key: values[key] for key in values if key not in {"pipelineSpec", "runtimeConfig"}} == {
        "displayName": "Train",
        "encryptionSpec": {"kmsKeyName": "projects/p/locations/r/keyRings/k/cryptoKeys/c"},
        "labels": {"team": "risk"},
        "serviceAccount": "sa@p.iam.gserviceaccount.com",
        "network": "projects/1/global/networks/n",
        "reservedIpRanges": ["range-1"],
    }


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("pipeline.yaml", ""),
        ("/dags/pipeline.yaml", ""),
        ("gs://bucket/pipeline.yaml", ""),
        ("https://example.com/pipeline.yaml", "https://example.com/pipeline.yaml"),
        ("https://eu-kfp.pkg.dev/p/r/train/v1", "https://eu-kfp.pkg.dev/p/r/train/v1"),
    ],
)
def test_only_an_https_template_is_named(path: str, uri: str) -> None:
    """The service is told where a template came from when it can look there itself."""
    assert uri == build(template_path=path).template_uri


@pytest.mark.parametrize(
    ("own", "spec", "runtime", "root"),
    [
        ("gs://own", "gs://spec", "gs://runtime", "gs://own"),
        (None, "gs://spec", "gs://runtime", "gs://spec"),
        (None, None, "gs://runtime", "gs://runtime"),
        (None, None, None, "gs://default"),
        ("", "", "", "gs://default"),
    ],
)
def test_the_nearest_pipeline_root_wins(
    own: str | None, spec: str | None, runtime: str | None, root: str
) -> None:
    """Outputs go where the caller says, or else the pipeline, its configuration, or the default."""
    source = template(
        runtime={"gcsOutputDirectory": runtime} if runtime is not None else {},
        **({"defaultPipelineRoot": spec} if spec is not None else {}),
    )
    assert root == build(source, pipeline_root=own).runtime_config.gcs_output_directory


@pytest.mark.parametrize(
    ("given", "runtime", "policy"),
    [
        ("fast", {}, FAST),
        ("slow", {}, SLOW),
        (None, {}, UNSET),
        (None, {"failurePolicy": FAST.name}, FAST),
        ("slow", {"failurePolicy": FAST.name}, SLOW),
    ],
)
def test_a_failure_policy_is_two_words(
    given: str | None, runtime: dict[str, Any], policy: types.PipelineFailurePolicy
) -> None:
    """The caller's policy wins over the pipeline's; without one, the service has its own."""
    assert policy == build(template(runtime=runtime), failure_policy=given).runtime_config.failure_policy


@pytest.mark.parametrize("policy", ["", "FAST", "quick", FAST.name])
def test_another_failure_policy_is_refused(policy: str) -> None:
    """A policy that is neither of the two words is refused."""
    with refused("failure_policy", policy, 'must be "slow" or "fast"'):
        build(failure_policy=policy)


@pytest.mark.parametrize("enable", [True, False])
def test_caching_is_set_on_every_task(enable: bool) -> None:
    """The caller's word on caching reaches the tasks of nested pipelines too."""
    spec = json_of(build(enable_caching=enable))["pipelineSpec"]
    dags = [spec["root"]["dag"], spec["components"]["comp-a"]["dag"]]
    assert {"a": enable, "b": enable, "c": enable} == {
        name: task["cachingOptions"]["enableCache"] for dag in dags for name, task in dag["tasks"].items()
    }


def test_caching_is_the_pipelines_when_nothing_is_said() -> None:
    """Without a word on caching, the compiled pipeline is sent as it is."""
    source = template()
    untouched = copy.deepcopy(source)
    assert untouched["pipelineSpec"] == json_of(build(source))["pipelineSpec"]
    assert untouched == source


def test_input_artifacts_are_given_by_id() -> None:
    """An artifact that the pipeline takes is sent by its id."""
    inputs = {"artifacts": {"model": {}, "data": {}}}
    config = json_of(build(template(inputs), input_artifacts={"model": "123"}))["runtimeConfig"]
    assert config["inputArtifacts"] == {"model": {"artifactId": "123"}}


@pytest.mark.parametrize(
    ("artifacts", "rule"),
    [
        ({"model": {}, "data": {}}, "the pipeline takes the artifacts data, model"),
        ({}, "the pipeline takes no artifacts"),
    ],
)
def test_an_unknown_artifact_is_refused(artifacts: dict[str, Any], rule: str) -> None:
    """An artifact that the pipeline does not take is refused with those that it does."""
    with refused("input_artifacts['modle']", "modle", rule):
        build(template({"artifacts": artifacts}), input_artifacts={"modle": "123"})


@pytest.mark.parametrize(
    ("labels", "field", "shown"),
    [
        ({"Team": "x"}, "labels", "Team"),
        ({"team": "X"}, "labels['team']", "X"),
        ({"team": "x" * 64}, "labels['team']", "x" * 64),
        ({"team": 5}, "labels['team']", 5),
    ],
)
def test_bad_labels_are_refused(labels: dict[str, Any], field: str, shown: object) -> None:
    """Labels that the service would not take are refused before it is asked."""
    with refused(field, shown, "at most 63 of a-z, 0-9, _ and -"):
        build(labels=labels)


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_display_name_out_of_bounds_is_refused(name: str) -> None:
    """A display name has 1 to 128 characters."""
    with refused("display_name", name, "has 1 to 128 characters"):
        build(display_name=name)


@pytest.mark.parametrize("job_id", ["a", "train-1", "a" * 128, "a--b-"])
def test_a_good_job_id_passes(job_id: str) -> None:
    """An id within the rule is taken."""
    check_job_id(job_id)


@pytest.mark.parametrize("job_id", ["", "A", "1a", "-a", "a_b", "a.b", "a b", "é", "a" * 129, "a\n", "a/b"])
def test_a_bad_job_id_is_refused(job_id: str) -> None:
    """An id that the service would not take is refused before it is asked."""
    with refused("job_id", job_id, "begins with a lower-case letter and has at most 128 of a-z, 0-9 and -"):
        check_job_id(job_id)
