"""Hook for Vertex AI ``CustomJob``.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from google.api_core.gapic_v1.method import DEFAULT, _MethodDefault
from google.cloud.aiplatform_v1 import JobServiceClient, types

from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, GoogleJobHook
from airflow_mljobs.hooks.outcome import FATES, error_for, raise_unless_succeeded
from airflow_mljobs.hooks.vertex_ai.base import VertexAIJobHook
from airflow_mljobs.hooks.vertex_ai.custom_job_builder import build_custom_job
from airflow_mljobs.hooks.vertex_ai.resources import JOB_STATES, as_mask
from airflow_mljobs.jobs import GiveUp, Poller

if TYPE_CHECKING:
    from google.api_core.operation import Operation
    from google.api_core.retry import Retry
    from google.cloud.aiplatform_v1.services.job_service.pagers import ListCustomJobsPager
    from google.protobuf.field_mask_pb2 import FieldMask


class CustomJobHook(VertexAIJobHook):
    """Runs, reads, lists, cancels and deletes custom jobs.

    Every method takes ``project_id`` (left out: the connection's) and ``region``, and hands ``retry``,
    ``timeout`` (seconds, 60 unless given) and ``metadata`` to the client, whose errors it raises.
    A ``custom_job`` that names a job is its id.
    """

    collection = "customJobs"
    noun = "custom_job"
    client_class = JobServiceClient
    resource_class = types.CustomJob
    page = "training/{job_id}/cpu"
    list_page = "training/custom-jobs"
    command = "gcloud ai custom-jobs describe {job_id} --region={region} --project={project}"
    cancelling = frozenset({"JOB_STATE_CANCELLING"})
    states: ClassVar = JOB_STATES

    def error_of(self, resource: types.CustomJob) -> str | None:
        """Return the service's reason, which ends with the job's last words."""
        return resource.error.message or None

    @staticmethod
    def build_custom_job(custom_job: types.CustomJob | dict[str, Any]) -> types.CustomJob:
        """Check a resource and return it as the official type; see ``custom_job_builder``."""
        return build_custom_job(custom_job)

    def get_job_service_client(self, region: str | None = None) -> JobServiceClient:
        """Return the client for a region, the same at every call."""
        return self.get_client(JobServiceClient, region)

    @staticmethod
    def extract_custom_job_id(custom_job_name: str) -> str:
        """Return the id in a full resource name."""
        return custom_job_name.rpartition("/")[-1]

    @GoogleJobHook.fallback_to_default_project_id
    def create_custom_job(
        self,
        project_id: str,
        region: str,
        custom_job: types.CustomJob | dict[str, Any],
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.CustomJob:
        """Create a custom job; it starts at once.

        :param custom_job: the resource, as the official type or in its JSON form.
        :raises InvalidJobSpec: when the resource breaks a rule that can be seen from here.
        """
        return self.get_job_service_client(region).create_custom_job(
            parent=f"projects/{project_id}/locations/{region}",
            custom_job=build_custom_job(custom_job),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def get_custom_job(
        self,
        project_id: str,
        region: str,
        custom_job: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.CustomJob:
        """Get a custom job whole."""
        return self.get_job_service_client(region).get_custom_job(
            name=self.full_name(project_id, region, custom_job),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def list_custom_jobs(
        self,
        project_id: str,
        region: str,
        page_size: int | None = None,
        page_token: str | None = None,
        filter: str | None = None,
        read_mask: str | FieldMask | None = None,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> ListCustomJobsPager:
        """List custom jobs; the pager fetches further pages as it is iterated.

        :param page_size: jobs in a page.
        :param page_token: where to go on.
        :param filter: such as ``state="JOB_STATE_RUNNING" AND labels.team="risk"``.
        :param read_mask: the fields to return, such as ``"name,state"``.
        """
        return self.get_job_service_client(region).list_custom_jobs(
            request={
                "parent": f"projects/{project_id}/locations/{region}",
                "page_size": page_size,
                "page_token": page_token,
                "filter": filter,
                "read_mask": as_mask(read_mask),
            },
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def delete_custom_job(
        self,
        project_id: str,
        region: str,
        custom_job: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Delete a custom job; wait for it with `wait_for_operation`."""
        return self.get_job_service_client(region).delete_custom_job(
            name=self.full_name(project_id, region, custom_job),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def cancel_custom_job(
        self,
        project_id: str,
        region: str,
        custom_job: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Ask for a custom job to be cancelled."""
        self.get_job_service_client(region).cancel_custom_job(
            name=self.full_name(project_id, region, custom_job),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def wait_for_custom_job(
        self,
        project_id: str,
        region: str,
        custom_job_id: str,
        poll_interval: float = 10,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.CustomJob:
        """Block until a custom job has ended, and return it.

        :param poll_interval: seconds between two looks.
        :raises JobFailed: with the service's reason.
        :raises JobCancelled: when somebody cancelled it.
        :raises JobUnreachable: when the service was silent for an hour.
        """
        name = self.full_name(project_id, region, custom_job_id)
        end = self.wait_for_job(name, poller=Poller(poll_interval=poll_interval), logger=self.log)
        if isinstance(end, GiveUp):
            raise error_for(name, end.verdict, end.message, fate=FATES[end.verdict], page=self.page_url(name))
        raise_unless_succeeded(end.job)
        return self.get_custom_job(
            project_id=project_id,
            region=region,
            custom_job=custom_job_id,
            retry=retry,
            timeout=timeout,
            metadata=metadata,
        )
