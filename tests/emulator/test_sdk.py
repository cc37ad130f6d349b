"""The SDK's own classes, given the clients of an emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from emulator_samples import PARENT, custom_job, pipeline_spec
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient

    from airflow_mljobs.emulator.server import Emulator

_, PROJECT, _, REGION = PARENT.split("/")


@pytest.fixture(autouse=True)
def sdk(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the SDK at the project and at the emulator's storage, where it makes a bucket for itself."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.http_url)
    aiplatform.init(project=PROJECT, location=REGION, credentials=AnonymousCredentials())


def test_pipeline_job(emulator: Emulator, pipelines: PipelineServiceClient, tmp_path: Path) -> None:
    """The SDK's PipelineJob submits a template, sees it end, and deletes it."""
    template = tmp_path / "pipeline.json"
    template.write_text(json.dumps(pipeline_spec()))
    job = aiplatform.PipelineJob(
        display_name="churn",
        template_path=str(template),
        pipeline_root="gs://bucket/pipelines",
        job_id="run-1",
    )
    job.api_client = pipelines

    # Without an account the SDK would ask Google for the number of the project, to name its default account.
    job.submit(service_account="trainer@my-project.iam.gserviceaccount.com")
    assert job.resource_name == f"{PARENT}/pipelineJobs/run-1"
    assert job.state.name == "PIPELINE_STATE_PENDING"

    emulator.clock.advance(101)
    job.wait()
    assert job.done()
    assert [task.task_name for task in job.task_details] == ["prepare", "train", "evaluate"]

    job.delete()
    assert not list(pipelines.list_pipeline_jobs(parent=PARENT))


def test_custom_job(emulator: Emulator, jobs: JobServiceClient) -> None:
    """The SDK's CustomJob submits a container and cancels it."""
    job = aiplatform.CustomJob(
        display_name="train",
        worker_pool_specs=custom_job()["job_spec"]["worker_pool_specs"],
        staging_bucket="gs://bucket",
    )
    job.api_client = jobs

    job.submit()
    job.cancel()
    assert job.state.name == "JOB_STATE_CANCELLING"

    emulator.clock.advance(1)
    assert job.state.name == "JOB_STATE_CANCELLED"
