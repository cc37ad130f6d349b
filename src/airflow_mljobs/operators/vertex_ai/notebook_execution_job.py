"""Operators for Vertex AI notebook execution jobs: a notebook, run from its first cell to its last.

https://cloud.google.com/colab/docs/schedule-notebook-run
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs._compat import literal
from airflow_mljobs.links.vertex_ai import NotebookExecutionJobLink, NotebookExecutionJobListLink
from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.google import RegionalJobOperator
from airflow_mljobs.operators.small import (
    DeleteJobOperator,
    GetJobOperator,
    ListJobsOperator,
    OneJobOperator,
)
from airflow_mljobs.triggers.vertex_ai import NotebookExecutionJobTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink
    from google.cloud.aiplatform_v1.types import NotebookExecutionJob

    from airflow_mljobs.jobs import Job, Submit, TaskIdentity


class RunNotebookExecutionJobOperator(RegionalJobOperator, RunJobOperator):
    """Runs a notebook on Colab Enterprise or Workbench.

    The executed notebook is written below ``gcs_output_uri``, in a folder named after the job's id.
    The service cannot cancel such a job: where a job is to be stopped, it is deleted.

    :param notebook_execution_job: the resource whole, in its JSON form, as the official type, or as the name
        of a YAML or JSON file beside the DAG: ``display_name``, ``gcs_output_uri``, one notebook source, one
        environment, ``service_account`` or ``execution_user``, and whatever else the API has; an
        ``execution_timeout`` may be a timedelta, a number of seconds, or text such as ``3.5s``.
        https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.notebookExecutionJobs
    :param notebook: instead of a notebook source, the path of an ``.ipynb`` file that the worker can read,
        or a notebook's JSON, to be sent along with the job. The path may hold a template; the notebook
        is code, braces and all, and is sent as it is.
    """

    hook_class = NotebookExecutionJobTrigger.hook_class
    trigger_class = NotebookExecutionJobTrigger
    operator_extra_links = (NotebookExecutionJobLink(),)
    template_fields: Sequence[str] = (
        *RegionalJobOperator.template_fields,
        "notebook_execution_job",
        "notebook",
    )
    bodies = ("notebook_execution_job",)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys((*bodies, "notebook"), "json")
    input_fields = ("notebook_execution_job.gcs_notebook_source.uri",)
    output_fields = ("notebook_execution_job.gcs_output_uri",)

    def __init__(
        self,
        *,
        notebook_execution_job: dict[str, Any] | NotebookExecutionJob | str,
        notebook: str | os.PathLike[str] | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.notebook_execution_job = notebook_execution_job
        self.notebook = literal(notebook) if isinstance(notebook, dict) else notebook

    def build(self) -> Any:
        """Make the resource."""
        # Still wrapped where nothing was rendered, as in a test that calls execute by itself.
        notebook = getattr(self.notebook, "value", self.notebook)
        return self.hook.build_notebook_execution_job(self.body("notebook_execution_job"), notebook=notebook)

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the notebook execution job; its operation, which lasts as long as the job, is left alone."""
        job_id = f"airflow-{uuid.uuid4().hex}"
        if identity is not None:
            resource.labels.update(identity.labels(attempt=attempt.number))
            job_id = self.hook.job_id_of(identity, attempt=attempt.number)
        self.hook.create_notebook_execution_job(
            project_id=self.project,
            region=self.region,
            notebook_execution_job=resource,
            notebook_execution_job_id=job_id,
        )
        resource.name = self.full_name(job_id)
        job: Job = self.hook.as_job(resource)
        return job

    def outputs(self, job: Job | None) -> list[str]:
        """Return the folder of the executed notebook, which is named after the job."""
        if job is None:
            return []
        job_id = job.name.rpartition("/")[-1]
        return [f"{folder.rstrip('/')}/{job_id}" for folder in super().outputs(job)]


class OneNotebookExecutionJobOperator(RegionalJobOperator, OneJobOperator):
    """Takes a notebook execution job.

    :param notebook_execution_job_id: its id, or its full resource name.
    """

    hook_class = NotebookExecutionJobTrigger.hook_class
    job_field = "notebook_execution_job_id"
    operator_extra_links: Collection[BaseOperatorLink] = (NotebookExecutionJobLink(),)
    template_fields: Sequence[str] = (*RegionalJobOperator.template_fields, "notebook_execution_job_id")

    def __init__(self, *, notebook_execution_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notebook_execution_job_id = notebook_execution_job_id


class GetNotebookExecutionJobOperator(OneNotebookExecutionJobOperator, GetJobOperator):
    """Returns a notebook execution job.

    :param view: ``BASIC``, or ``FULL`` for the notebook that was sent along, too.
    """

    template_fields: Sequence[str] = (*OneNotebookExecutionJobOperator.template_fields, "view")

    def __init__(self, *, view: str = "BASIC", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.view = view

    def get_params(self) -> dict[str, Any]:
        """Return what the job is asked for with."""
        return {"view": self.hook.as_view(self.view)}


class DeleteNotebookExecutionJobOperator(OneNotebookExecutionJobOperator, DeleteJobOperator):
    """Deletes a notebook execution job; one that is at work is stopped by it."""

    operator_extra_links = ()


class ListNotebookExecutionJobOperator(RegionalJobOperator, ListJobsOperator):
    """Returns a list of notebook execution jobs.

    A ``filter`` is by ``notebookExecutionJob`` (the id), ``displayName`` or ``schedule``, such as
    ``displayName=~"daily.*"``.

    :param order_by: ``display_name``, ``create_time`` or ``update_time``, such as ``create_time desc``.
    :param view: ``BASIC``, or ``FULL`` for the notebooks that were sent along, too.
    """

    hook_class = NotebookExecutionJobTrigger.hook_class
    operator_extra_links = (NotebookExecutionJobListLink(),)
    template_fields: Sequence[str] = (
        *RegionalJobOperator.template_fields,
        *ListJobsOperator.template_fields,
        "order_by",
        "view",
    )

    def __init__(self, *, order_by: str | None = None, view: str = "BASIC", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order_by = order_by
        self.view = view

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return super().list_params() | {"order_by": self.order_by, "view": self.hook.as_view(self.view)}
