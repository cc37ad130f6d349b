"""The life of a job, seen through the official clients."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import grpc
import pytest
from emulator_samples import PARENT, custom_job, pipeline_job
from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1.types import JobState, PipelineState, PipelineTaskDetail

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient

Task = PipelineTaskDetail.State


def test_custom_job_runs_to_its_end(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A custom job gets a number for an id and goes from queued over running to succeeded, on time."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job(labels={"team": "ml"}))

    assert re.fullmatch(rf"{PARENT}/customJobs/\d{{19}}", job.name)
    assert job.state == JobState.JOB_STATE_QUEUED
    assert "start_time" not in job

    emulator.clock.advance(11)
    running = jobs.get_custom_job(name=job.name)
    assert running.state == JobState.JOB_STATE_RUNNING

    emulator.clock.advance(90)
    done = jobs.get_custom_job(name=job.name)
    assert done.state == JobState.JOB_STATE_SUCCEEDED
    assert (done.start_time - done.create_time).total_seconds() == pytest.approx(10, abs=0.5)
    assert (done.end_time - done.create_time).total_seconds() == pytest.approx(100, abs=0.5)
    assert done.update_time == done.end_time
    assert done.labels == {"team": "ml"}
    assert "error" not in done


def test_pipeline_tasks_progress_in_order(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """The tasks of a pipeline start one after the other, each shown with its state and times."""
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(), pipeline_job_id="run-1")

    assert job.name == f"{PARENT}/pipelineJobs/run-1"
    assert job.state == PipelineState.PIPELINE_STATE_PENDING
    assert [task.state for task in job.job_detail.task_details] == [Task.PENDING] * 3
    assert job.job_detail.pipeline_run_context.name.endswith("/contexts/run-1")

    emulator.clock.advance(45)
    tasks = pipelines.get_pipeline_job(name=job.name).job_detail.task_details
    assert {task.task_name: task.state for task in tasks} == {
        "prepare": Task.SUCCEEDED,
        "train": Task.RUNNING,
        "evaluate": Task.PENDING,
    }
    assert tasks[0].end_time > tasks[0].start_time > tasks[0].create_time
    assert len({task.task_id for task in tasks}) == 3

    emulator.clock.advance(60)
    done = pipelines.get_pipeline_job(name=job.name)
    assert done.state == PipelineState.PIPELINE_STATE_SUCCEEDED
    assert done.pipeline_spec["pipelineInfo"]["name"] == "churn"
    assert [task.state for task in done.job_detail.task_details] == [Task.SUCCEEDED] * 3


def test_failed_pipeline_names_its_tasks(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A failed task ends the pipeline with the service's sentence; what waited for it is not triggered."""
    labels = {"emulator-outcome": "failed", "emulator-task": "train"}
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(labels=labels))
    emulator.clock.advance(101)

    failed = pipelines.get_pipeline_job(name=job.name)

    assert failed.state == PipelineState.PIPELINE_STATE_FAILED
    assert failed.error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert failed.error.message.startswith(
        "The DAG failed because some tasks failed. The failed tasks are: [train].; Job (project_id = "
    )
    tasks = {task.task_name: task for task in failed.job_detail.task_details}
    assert tasks["train"].state == Task.FAILED
    assert "non-zero status of 1" in tasks["train"].error.message
    assert tasks["evaluate"].state == Task.NOT_TRIGGERED


def test_failed_custom_job_has_the_reason(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A failed custom job says why."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job(labels={"emulator-outcome": "failed"}))
    emulator.clock.advance(101)

    failed = jobs.get_custom_job(name=job.name)

    assert failed.state == JobState.JOB_STATE_FAILED
    assert "workerpool0-0 exited with a non-zero status of 1" in failed.error.message


@pytest.mark.parametrize(
    ("labels", "seconds", "state"),
    [
        ({"emulator-seconds": "5"}, 6, JobState.JOB_STATE_SUCCEEDED),
        ({"emulator-seconds": "0-5"}, 0.6, JobState.JOB_STATE_SUCCEEDED),
        ({"emulator-seconds": "soon"}, 50, JobState.JOB_STATE_RUNNING),
        ({"emulator-outcome": "hang"}, 1_000_000, JobState.JOB_STATE_RUNNING),
        ({"emulator-outcome": "cancelled"}, 101, JobState.JOB_STATE_CANCELLED),
        ({"emulator-outcome": "unheard-of"}, 101, JobState.JOB_STATE_SUCCEEDED),
    ],
)
def test_labels_script_a_job(
    emulator: Emulator, jobs: JobServiceClient, labels: dict[str, str], seconds: float, state: JobState
) -> None:
    """Labels choose the duration and the outcome of a simulated job; a senseless one is passed over."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job(labels=labels))

    emulator.clock.advance(seconds)

    assert jobs.get_custom_job(name=job.name).state == state


def test_cancel_passes_through_cancelling(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A cancel shows at once, may be repeated, and soon ends the job and its tasks."""
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())
    emulator.clock.advance(15)

    pipelines.cancel_pipeline_job(name=job.name)
    pipelines.cancel_pipeline_job(name=job.name)
    assert pipelines.get_pipeline_job(name=job.name).state == PipelineState.PIPELINE_STATE_CANCELLING

    emulator.clock.advance(1)
    cancelled = pipelines.get_pipeline_job(name=job.name)
    assert cancelled.state == PipelineState.PIPELINE_STATE_CANCELLED
    assert cancelled.error.code == grpc.StatusCode.CANCELLED.value[0]
    assert [task.state for task in cancelled.job_detail.task_details] == [
        Task.CANCELLED,
        Task.NOT_TRIGGERED,
        Task.NOT_TRIGGERED,
    ]


def test_final_state_never_changes(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A finished job cannot be cancelled, and stays as it is."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job())
    emulator.clock.advance(101)

    with pytest.raises(
        exceptions.FailedPrecondition, match="state JOB_STATE_SUCCEEDED and cannot be canceled"
    ):
        jobs.cancel_custom_job(name=job.name)

    emulator.clock.advance(10)
    assert jobs.get_custom_job(name=job.name).state == JobState.JOB_STATE_SUCCEEDED


def test_delete_is_an_operation(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A delete returns an operation that is done a little later and leaves nothing of the job."""
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())
    emulator.clock.advance(101)

    operation = pipelines.delete_pipeline_job(name=job.name)
    assert not operation.operation.done

    emulator.clock.advance(1)
    operation.result(timeout=5)
    assert isinstance(operation.metadata, aiplatform_v1.DeleteOperationMetadata)
    with pytest.raises(exceptions.NotFound, match=rf'The PipelineJob "{job.name}" does not exist'):
        pipelines.get_pipeline_job(name=job.name)


def test_active_job_is_not_deleted(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """An active pipeline job must be cancelled before it can be deleted."""
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())

    with pytest.raises(exceptions.FailedPrecondition, match="PIPELINE_STATE_PENDING and cannot be deleted"):
        pipelines.delete_pipeline_job(name=job.name)


def test_batch_cancel_and_delete(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A batch cancel is done once its jobs have ended; a batch delete answers with what it deleted."""
    names = [pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job()).name for _ in range(3)]

    cancel = pipelines.batch_cancel_pipeline_jobs(parent=PARENT, names=names)
    emulator.clock.advance(0.1)
    assert not cancel.done()
    emulator.clock.advance(1)
    assert [job.name for job in cancel.result(timeout=5).pipeline_jobs] == names

    delete = pipelines.batch_delete_pipeline_jobs(parent=PARENT, names=names)
    emulator.clock.advance(1)
    assert [job.name for job in delete.result(timeout=5).pipeline_jobs] == names
    assert not list(pipelines.list_pipeline_jobs(parent=PARENT))


def test_batch_delete_is_atomic(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """If one job of a batch cannot be deleted, none is."""
    finished = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())
    emulator.clock.advance(101)
    active = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())

    with pytest.raises(exceptions.FailedPrecondition):
        pipelines.batch_delete_pipeline_jobs(parent=PARENT, names=[finished.name, active.name])

    assert len(list(pipelines.list_pipeline_jobs(parent=PARENT))) == 2


def test_restart_loses_nothing(tmp_path: Path) -> None:
    """A second emulator on the same data has the jobs, goes on with the active ones, and knows operations."""
    with Emulator(data=tmp_path, seconds=100) as first, grpc.insecure_channel(first.grpc_address) as channel:
        jobs = _jobs(channel)
        gone, kept = (jobs.create_custom_job(parent=PARENT, custom_job=custom_job()) for _ in range(2))
        first.clock.advance(11)
        jobs.cancel_custom_job(name=gone.name)
        first.clock.advance(1)
        operation = jobs.delete_custom_job(name=gone.name).operation.name

    with (
        Emulator(data=tmp_path, seconds=100) as second,
        grpc.insecure_channel(second.grpc_address) as channel,
    ):
        jobs = _jobs(channel)
        assert [job.name for job in jobs.list_custom_jobs(parent=PARENT)] == [kept.name]
        assert jobs.get_custom_job(name=kept.name).state == JobState.JOB_STATE_RUNNING
        second.clock.advance(101)
        assert jobs.get_custom_job(name=kept.name).state == JobState.JOB_STATE_SUCCEEDED
        assert jobs.get_operation({"name": operation}).done


def _jobs(channel: grpc.Channel) -> JobServiceClient:
    transport = aiplatform_v1.JobServiceClient.get_transport_class("grpc")(channel=channel)
    return aiplatform_v1.JobServiceClient(transport=transport)
