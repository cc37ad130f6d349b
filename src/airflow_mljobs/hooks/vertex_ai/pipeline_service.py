"""The methods of Vertex AI's ``PipelineService`` for pipeline jobs, with their official types.

https://cloud.google.com/vertex-ai/docs/reference/rpc/google.cloud.aiplatform.v1#pipelineservice
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from google.api_core.gapic_v1.method import DEFAULT, _MethodDefault
from google.cloud.aiplatform_v1 import PipelineServiceClient, types

from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, GoogleJobHook
from airflow_mljobs.hooks.vertex_ai.base import VertexAIJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_builder import check_job_id
from airflow_mljobs.hooks.vertex_ai.resources import as_mask

if TYPE_CHECKING:
    from google.api_core.operation import Operation
    from google.api_core.retry import Retry
    from google.cloud.aiplatform_v1.services.pipeline_service.pagers import ListPipelineJobsPager
    from google.protobuf.field_mask_pb2 import FieldMask


class PipelineServiceHook(VertexAIJobHook):
    """One method for each of the service's.

    Every method takes ``project_id`` (left out: the connection's) and ``region``, and hands ``retry``,
    ``timeout`` (seconds, 60 unless given) and ``metadata`` to the client, whose errors it raises.
    """

    def __init__(self, gcp_conn_id: str = "google_cloud_default", **kwargs: Any) -> None:
        super().__init__(gcp_conn_id=gcp_conn_id, **kwargs)
        self._submitted: str | None = None

    def get_pipeline_service_client(self, region: str | None = None) -> PipelineServiceClient:
        """Return the client for a region, the same at every call."""
        return self.get_client(PipelineServiceClient, region)

    @staticmethod
    def extract_pipeline_job_id(obj: dict[str, Any]) -> str:
        """Return the id in a resource's ``name``."""
        return str(obj["name"].rpartition("/")[-1])

    @GoogleJobHook.fallback_to_default_project_id
    def create_pipeline_job(
        self,
        project_id: str,
        region: str,
        pipeline_job: types.PipelineJob,
        pipeline_job_id: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.PipelineJob:
        """Create a pipeline job; it starts at once.

        :param pipeline_job: the resource.
        :param pipeline_job_id: its id, unique in project and region.
        :raises InvalidJobSpec: when the id breaks the service's rule.
        """
        check_job_id(pipeline_job_id)
        job = self.get_pipeline_service_client(region).create_pipeline_job(
            parent=_parent(project_id, region),
            pipeline_job=pipeline_job,
            pipeline_job_id=pipeline_job_id,
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )
        self._submitted = job.name
        return job

    @GoogleJobHook.fallback_to_default_project_id
    def get_pipeline_job(
        self,
        project_id: str,
        region: str,
        pipeline_job_id: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.PipelineJob:
        """Get a pipeline job whole."""
        return self.get_pipeline_service_client(region).get_pipeline_job(
            name=self.full_name(project_id, region, pipeline_job_id),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def list_pipeline_jobs(
        self,
        project_id: str,
        region: str,
        page_size: int | None = None,
        page_token: str | None = None,
        filter: str | None = None,
        order_by: str | None = None,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        read_mask: str | FieldMask | None = None,
    ) -> ListPipelineJobsPager:
        """List pipeline jobs; the pager fetches further pages as it is iterated.

        :param page_size: jobs in a page.
        :param page_token: where to go on.
        :param filter: such as ``state="PIPELINE_STATE_RUNNING" AND labels.team="risk"``.
        :param order_by: such as ``create_time desc``.
        :param read_mask: the fields to return, such as ``"name,state"``.
        """
        return self.get_pipeline_service_client(region).list_pipeline_jobs(
            request={
                "parent": _parent(project_id, region),
                "page_size": page_size,
                "page_token": page_token,
                "filter": filter,
                "order_by": order_by,
                "read_mask": as_mask(read_mask),
            },
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def delete_pipeline_job(
        self,
        project_id: str,
        region: str,
        pipeline_job_id: str,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Delete a pipeline job that has ended; wait for it with `wait_for_operation`."""
        return self.get_pipeline_service_client(region).delete_pipeline_job(
            name=self.full_name(project_id, region, pipeline_job_id),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    def cancel_pipeline_job(
        self,
        project_id: str | None = None,
        region: str | None = None,
        pipeline_job_id: str | None = None,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Ask for a pipeline job to be cancelled: by id, or else the one this hook submitted last."""
        if pipeline_job_id:
            name = self.full_name(self.resolve_project(project_id), region or "", pipeline_job_id)
        elif self._submitted:
            name = self._submitted
        else:
            return
        self.get_pipeline_service_client(name.split("/")[3]).cancel_pipeline_job(
            name=name, retry=retry, timeout=timeout or REQUEST_TIMEOUT, metadata=metadata
        )

    @GoogleJobHook.fallback_to_default_project_id
    def batch_cancel_pipeline_jobs(
        self,
        project_id: str,
        region: str,
        pipeline_job_ids: Sequence[str],
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Ask for up to 32 pipeline jobs to be cancelled; all of them, or none when one is unknown."""
        return self.get_pipeline_service_client(region).batch_cancel_pipeline_jobs(
            parent=_parent(project_id, region),
            names=[self.full_name(project_id, region, job_id) for job_id in pipeline_job_ids],
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def batch_delete_pipeline_jobs(
        self,
        project_id: str,
        region: str,
        pipeline_job_ids: Sequence[str],
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Delete up to 32 pipeline jobs that have ended; all of them, or none when one is unknown."""
        return self.get_pipeline_service_client(region).batch_delete_pipeline_jobs(
            parent=_parent(project_id, region),
            names=[self.full_name(project_id, region, job_id) for job_id in pipeline_job_ids],
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )


def _parent(project_id: str, region: str) -> str:
    return f"projects/{project_id}/locations/{region}"
