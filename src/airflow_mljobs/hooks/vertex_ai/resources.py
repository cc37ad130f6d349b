"""Reading Vertex AI's resources: states, times, masks and the tasks of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask

from airflow_mljobs.jobs import JobStatus, Progress

TaskState = types.PipelineTaskDetail.State

JOB_STATES: Mapping[str, JobStatus] = {
    "JOB_STATE_UNSPECIFIED": JobStatus.ACTIVE,
    "JOB_STATE_QUEUED": JobStatus.ACTIVE,
    "JOB_STATE_PENDING": JobStatus.ACTIVE,
    "JOB_STATE_RUNNING": JobStatus.ACTIVE,
    "JOB_STATE_SUCCEEDED": JobStatus.SUCCEEDED,
    "JOB_STATE_FAILED": JobStatus.FAILED,
    "JOB_STATE_CANCELLING": JobStatus.ACTIVE,
    "JOB_STATE_CANCELLED": JobStatus.CANCELLED,
    "JOB_STATE_PAUSED": JobStatus.ACTIVE,
    "JOB_STATE_EXPIRED": JobStatus.FAILED,
    "JOB_STATE_UPDATING": JobStatus.ACTIVE,
    "JOB_STATE_PARTIALLY_SUCCEEDED": JobStatus.SUCCEEDED,
}
"""What the words of Vertex AI's ``JobState`` mean."""

IDENTITY_MASK = FieldMask(paths=["name", "state", "labels", "create_time", "start_time", "end_time"])
"""All that adoption needs to know of a job."""

LOOK_MASK = FieldMask(
    paths=["name", "state", "error", "create_time", "start_time", "end_time", "update_time"]
)
"""All that a look needs to know of a job, but a pipeline's tasks."""

DONE = frozenset({TaskState.SUCCEEDED, TaskState.SKIPPED, TaskState.NOT_TRIGGERED})
RUNNING = frozenset({TaskState.RUNNING, TaskState.CANCEL_PENDING, TaskState.CANCELLING})


def state_word(state: Any) -> str:
    """Return the service's word for a state, or the number of one that the client does not know."""
    return str(getattr(state, "name", state))


def time_of(resource: Any, field: str) -> datetime | None:
    """Return a time of a resource, or nothing when it is not set, or the kind has no such time."""
    if field not in type(resource).meta.fields or field not in resource:
        return None
    # The client's own subclass of datetime, with its nanoseconds, stays on this side.
    return datetime.fromisoformat(getattr(resource, field).isoformat())


def as_mask(read_mask: str | FieldMask | None) -> FieldMask | None:
    """Take a mask as the API's message, or as text such as ``"name,state"``."""
    if isinstance(read_mask, str):
        return FieldMask(paths=[path.strip() for path in read_mask.split(",") if path.strip()])
    return read_mask


def as_dict(resource: Any) -> dict[str, Any]:
    """Return a resource in its JSON form, without the values of containers' environment variables."""
    message = type(resource).pb(resource)
    values: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    cleaned: dict[str, Any] = _without_secrets(values)
    return cleaned


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: [_without_value(entry) for entry in item]
        if key == "env" and isinstance(item, list)
        else _without_secrets(item)
        for key, item in value.items()
    }


def _without_value(entry: Any) -> Any:
    return {**entry, "value": "***"} if isinstance(entry, dict) else entry


def pipeline_name(job: types.PipelineJob) -> str | None:
    """Return the name that a pipeline's spec gives it, when the spec is there."""
    spec: Any = types.PipelineJob.pb(job).pipeline_spec
    return str(spec["pipelineInfo"]["name"]) if "pipelineInfo" in spec else None


def tasks_of(job: types.PipelineJob) -> list[types.PipelineTaskDetail]:
    """Return the tasks of a pipeline, without the one that stands for the pipeline itself."""
    root = pipeline_name(job)
    return [t for t in job.job_detail.task_details if t.parent_task_id or t.task_name != root]


def progress_of(job: types.PipelineJob) -> Progress | None:
    """Count the tasks of a pipeline by what has become of them."""
    tasks = tasks_of(job)
    if not tasks:
        return None
    return Progress(
        total=max(len(tasks), _planned(job)),
        done=sum(task.state in DONE for task in tasks),
        running=tuple(task.task_name for task in tasks if task.state in RUNNING),
        failed=tuple(task.task_name for task in tasks if task.state is TaskState.FAILED),
    )


def _planned(job: types.PipelineJob) -> int:
    spec: Any = types.PipelineJob.pb(job).pipeline_spec
    return len(spec["root"]["dag"]["tasks"]) if "root" in spec and "dag" in spec["root"] else 0


def describe_failure(job: types.PipelineJob) -> str | None:
    """Give the service's reason for a pipeline, with each failed task's name and error below it."""
    failed: Iterable[types.PipelineTaskDetail] = (t for t in tasks_of(job) if t.state is TaskState.FAILED)
    lines = [f"Task {task.task_name} failed: {task.error.message or 'no reason given'}" for task in failed]
    if job.error.message:
        lines.insert(0, job.error.message)
    return "\n".join(lines) or None
