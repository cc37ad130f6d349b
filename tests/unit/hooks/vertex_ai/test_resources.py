"""What is read from the service's resources."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from unit_samples import refused

from airflow_mljobs.hooks.vertex_ai.custom_job import CustomJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_job import PipelineJobHook
from airflow_mljobs.hooks.vertex_ai.resources import as_dict, as_mask, describe_failure, progress_of, tasks_of
from airflow_mljobs.jobs import Job, JobStatus, Progress

ENV = [{"name": "PASSWORD", "value": "s3cret"}]
NAME = "projects/p/locations/europe-west4/pipelineJobs/j"


def pipeline(spec: dict[str, Any] | None = None, **fields: Any) -> types.PipelineJob:
    """Make a pipeline job as the service would send it."""
    body = {"name": NAME, "pipelineSpec": {"pipelineInfo": {"name": "train"}} | (spec or {})} | fields
    message = types.PipelineJob.pb()()
    json_format.ParseDict(body, message)
    return types.PipelineJob.wrap(message)


def tasks(*details: tuple[str, str]) -> dict[str, Any]:
    """Make the details of tasks below the one that stands for the pipeline."""
    root = {"taskId": "1", "taskName": "train", "state": "RUNNING"}
    below = [
        {"taskId": str(n), "taskName": name, "state": state, "parentTaskId": "1"}
        for n, (name, state) in enumerate(details, start=2)
    ]
    return {"jobDetail": {"taskDetails": [root, *below]}}


def test_a_custom_jobs_environment_is_hidden() -> None:
    """A variable is shown by its name alone, in every pool."""
    pool = {"container_spec": {"image_uri": "i", "env": ENV}}
    package = {"python_package_spec": {"python_module": "m", "env": ENV}}
    resource = types.CustomJob(display_name="Train", job_spec={"worker_pool_specs": [pool, package]})
    values = as_dict(resource)
    shown = [{"name": "PASSWORD", "value": "***"}]
    pools = values["job_spec"]["worker_pool_specs"]
    assert [shown, shown] == [pools[0]["container_spec"]["env"], pools[1]["python_package_spec"]["env"]]
    assert "s3cret" not in json.dumps(values)
    assert values["display_name"] == "Train"
    assert resource.job_spec.worker_pool_specs[0].container_spec.env[0].value == "s3cret"


def test_a_pipelines_environment_is_hidden() -> None:
    """The containers of a compiled pipeline keep their secrets as well."""
    executors = {"exec-a": {"container": {"image": "i", "env": ENV}}}
    values = as_dict(pipeline({"deploymentSpec": {"executors": executors}}))
    assert "s3cret" not in json.dumps(values)
    assert "PASSWORD" in json.dumps(values)


@pytest.mark.parametrize("value", [["prod", "dev"], [1, None], [], "prod", {"a": 1}])
def test_a_parameter_called_env_is_no_environment(value: object) -> None:
    """A pipeline may have a parameter of that name, of any type, and is still shown."""
    config = {"gcsOutputDirectory": "gs://b", "parameterValues": {"env": value}}
    values = as_dict(pipeline(runtimeConfig=config))
    assert value == values["runtime_config"]["parameter_values"]["env"]


@pytest.mark.parametrize(
    ("mask", "paths"),
    [("name,state", ["name", "state"]), (" name , state,", ["name", "state"]), ("name", ["name"])],
)
def test_a_mask_may_be_text(mask: str, paths: list[str]) -> None:
    """Fields are named in a list with commas, or as the official type."""
    assert FieldMask(paths=paths) == as_mask(mask)
    assert FieldMask(paths=paths) == as_mask(FieldMask(paths=paths))


def test_no_mask_stays_none() -> None:
    """Whoever names no fields gets what the service gives."""
    assert as_mask(None) is None


def test_the_pipeline_itself_is_no_task() -> None:
    """The entry that stands for the whole pipeline is not counted."""
    assert [t.task_name for t in tasks_of(pipeline(**tasks(("a", "FAILED"), ("b", "RUNNING"))))] == ["a", "b"]


@pytest.mark.parametrize(
    ("job", "progress"),
    [
        (pipeline(), None),
        (
            pipeline(**tasks(("a", "SUCCEEDED"), ("b", "SKIPPED"), ("c", "NOT_TRIGGERED"), ("d", "PENDING"))),
            Progress(total=4, done=3),
        ),
        (
            pipeline(
                **tasks(("a", "RUNNING"), ("b", "CANCELLING"), ("c", "CANCEL_PENDING"), ("d", "FAILED"))
            ),
            Progress(total=4, done=0, running=("a", "b", "c"), failed=("d",)),
        ),
        (
            pipeline({"root": {"dag": {"tasks": {"a": {}, "b": {}, "c": {}}}}}, **tasks(("a", "RUNNING"))),
            Progress(total=3, done=0, running=("a",)),
        ),
    ],
    ids=["nothing yet", "done", "under way", "planned"],
)
def test_progress_counts_tasks(job: types.PipelineJob, progress: Progress | None) -> None:
    """Tasks are counted by what has become of them, the planned ones too."""
    assert progress == progress_of(job)


def test_a_failure_names_the_failed_tasks() -> None:
    """The service's reason comes first, then each failed task with its own."""
    body = tasks(("a", "FAILED"), ("b", "SUCCEEDED"), ("c", "FAILED"))
    body["jobDetail"]["taskDetails"][1]["error"] = {"code": 9, "message": "exit code 1"}
    job = pipeline(error={"code": 9, "message": "The DAG failed."}, **body)
    expected = "The DAG failed.\nTask a failed: exit code 1\nTask c failed: no reason given"
    assert expected == describe_failure(job)
    assert describe_failure(pipeline()) is None


def test_a_pipeline_job_is_read() -> None:
    """Every field of a job is taken from the resource, times with their zone."""
    job = PipelineJobHook().as_job(
        pipeline(
            state="PIPELINE_STATE_FAILED",
            createTime="2026-01-02T03:04:05.678901234Z",
            endTime="2026-01-02T03:05:05Z",
            error={"code": 9, "message": "boom"},
        )
    )
    page = "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/j?project=p"
    assert job == Job(
        name=NAME,
        state="PIPELINE_STATE_FAILED",
        status=JobStatus.FAILED,
        error="boom",
        url=page,
        created=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        ended=datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC),
    )
    assert datetime is type(job.created)


@pytest.mark.parametrize(
    "name",
    ["", "j", "projects/p/locations/r/customJobs/", "projects/p/locations/r/pipelineJobs/j", "x/p/y/r/z/j"],
)
def test_another_kind_of_name_is_refused(name: str) -> None:
    """A name that is no custom job's is refused with the form of one."""
    with refused("name", name, "projects/PROJECT/locations/REGION/customJobs/ID"):
        CustomJobHook.parse_name(name)


def test_a_name_is_made_as_it_is_read() -> None:
    """What `full_name` writes, `parse_name` reads."""
    assert CustomJobHook.parse_name(CustomJobHook.full_name("p", "r", "7")) == ("p", "r", "7")
