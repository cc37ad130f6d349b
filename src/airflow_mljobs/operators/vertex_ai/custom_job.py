"""Operators for Vertex AI custom jobs: a container or a Python package that Vertex AI runs.

https://cloud.google.com/vertex-ai/docs/training/overview
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.links.vertex_ai import CustomJobLink, CustomJobListLink
from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.google import RegionalJobOperator
from airflow_mljobs.operators.small import (
    CancelJobOperator,
    DeleteJobOperator,
    GetJobOperator,
    OneJobOperator,
)
from airflow_mljobs.operators.vertex_ai.base import ListVertexAIJobsOperator
from airflow_mljobs.triggers.vertex_ai import CustomJobTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink
    from google.cloud.aiplatform_v1.types import CustomJob

    from airflow_mljobs.jobs import Job, Submit, TaskIdentity


class RunCustomJobOperator(RegionalJobOperator, RunJobOperator):
    """Runs a custom job on Vertex AI.

    :param custom_job: the resource whole, in its JSON form, as the official type, or as the name of a YAML
        or JSON file beside the DAG: ``display_name``, ``job_spec.worker_pool_specs`` and whatever else the
        API has.
        https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
    """

    hook_class = CustomJobTrigger.hook_class
    trigger_class = CustomJobTrigger
    operator_extra_links = (CustomJobLink(),)
    template_fields: Sequence[str] = (*RegionalJobOperator.template_fields, "custom_job")
    bodies = ("custom_job",)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(bodies, "json")
    input_fields = ("custom_job.job_spec.worker_pool_specs.python_package_spec.package_uris",)
    output_fields = ("custom_job.job_spec.base_output_directory.output_uri_prefix",)

    def __init__(self, *, custom_job: dict[str, Any] | CustomJob | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.custom_job = custom_job

    def build(self) -> Any:
        """Make the resource."""
        return self.hook.build_custom_job(self.body("custom_job"))

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the custom job."""
        if identity is not None:
            resource.labels.update(identity.labels(attempt=attempt.number))
        created = self.hook.create_custom_job(
            project_id=self.project, region=self.region, custom_job=resource
        )
        job: Job = self.hook.as_job(created)
        return job


class OneCustomJobOperator(RegionalJobOperator, OneJobOperator):
    """Takes a custom job.

    :param custom_job_id: its id, or its full resource name.
    """

    job_field = "custom_job_id"
    hook_class = CustomJobTrigger.hook_class
    operator_extra_links: Collection[BaseOperatorLink] = (CustomJobLink(),)
    template_fields: Sequence[str] = (*RegionalJobOperator.template_fields, "custom_job_id")

    def __init__(self, *, custom_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.custom_job_id = custom_job_id


class GetCustomJobOperator(OneCustomJobOperator, GetJobOperator):
    """Returns a custom job."""


class CancelCustomJobOperator(OneCustomJobOperator, CancelJobOperator):
    """Asks for a custom job to be cancelled."""


class DeleteCustomJobOperator(OneCustomJobOperator, DeleteJobOperator):
    """Deletes a custom job."""

    operator_extra_links = ()


class ListCustomJobOperator(ListVertexAIJobsOperator):
    """Returns a list of custom jobs."""

    hook_class = CustomJobTrigger.hook_class
    operator_extra_links = (CustomJobListLink(),)
