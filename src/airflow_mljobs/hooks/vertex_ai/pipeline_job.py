"""Hook for Vertex AI ``PipelineJob``.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs
"""

from __future__ import annotations

from typing import ClassVar

from google.cloud.aiplatform_v1 import PipelineServiceClient, types

from airflow_mljobs.hooks.vertex_ai.pipeline_submission import PipelineSubmissionHook
from airflow_mljobs.hooks.vertex_ai.resources import describe_failure, progress_of
from airflow_mljobs.jobs import JobStatus, Progress, TaskIdentity


class PipelineJobHook(PipelineSubmissionHook):
    """Runs, reads, lists, cancels and deletes pipeline jobs."""

    collection = "pipelineJobs"
    noun = "pipeline_job"
    client_class = PipelineServiceClient
    resource_class = types.PipelineJob
    page = "pipelines/runs/{job_id}"
    list_page = "pipelines/runs"
    # The one kind of job that gcloud does not know.
    command = (
        'curl --header "Authorization: Bearer $(gcloud auth print-access-token)" '
        "https://{region}-aiplatform.googleapis.com/v1/{name}"
    )
    cancelling = frozenset({"PIPELINE_STATE_CANCELLING"})
    states: ClassVar = {
        "PIPELINE_STATE_UNSPECIFIED": JobStatus.ACTIVE,
        "PIPELINE_STATE_QUEUED": JobStatus.ACTIVE,
        "PIPELINE_STATE_PENDING": JobStatus.ACTIVE,
        "PIPELINE_STATE_RUNNING": JobStatus.ACTIVE,
        "PIPELINE_STATE_SUCCEEDED": JobStatus.SUCCEEDED,
        "PIPELINE_STATE_FAILED": JobStatus.FAILED,
        "PIPELINE_STATE_CANCELLING": JobStatus.ACTIVE,
        "PIPELINE_STATE_CANCELLED": JobStatus.CANCELLED,
        "PIPELINE_STATE_PAUSED": JobStatus.ACTIVE,
    }

    def job_id_of(self, identity: TaskIdentity, *, attempt: int) -> str:
        """Return the id of a task's job for which the user chose none."""
        return identity.job_id(attempt=attempt)

    @property
    def lists_in_brief(self) -> bool:
        """Say that a list leaves out the tasks."""
        return True

    def error_of(self, resource: types.PipelineJob) -> str | None:
        """Return the service's reason, and each failed task's name and error."""
        return describe_failure(resource)

    def progress_of(self, resource: types.PipelineJob) -> Progress | None:
        """Count the pipeline's tasks."""
        return progress_of(resource)
