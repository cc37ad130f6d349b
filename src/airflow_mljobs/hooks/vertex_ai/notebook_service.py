"""The notebook execution jobs of Vertex AI's NotebookService: its methods, with the official types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.google.common.hooks.base_google import PROVIDE_PROJECT_ID
from google.api_core.gapic_v1.method import DEFAULT, _MethodDefault
from google.cloud.aiplatform_v1 import NotebookServiceClient, types

from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, GoogleJobHook
from airflow_mljobs.hooks.vertex_ai.base import VertexAIJobHook
from airflow_mljobs.hooks.vertex_ai.notebook_builder import (
    Notebook,
    as_view,
    build_notebook_execution_job,
    check_job_id,
)

if TYPE_CHECKING:
    from google.api_core.operation import Operation
    from google.api_core.retry import Retry
    from google.cloud.aiplatform_v1.services.notebook_service.pagers import ListNotebookExecutionJobsPager


class NotebookServiceHook(VertexAIJobHook):
    """Creates, reads, lists and deletes notebook execution jobs; to delete one is the only way to stop it.

    Every method takes ``project_id`` (left out: the connection's) and ``region``, and hands ``retry``,
    ``timeout`` (seconds, 60 unless given) and ``metadata`` to the client, whose errors it raises.
    A ``notebook_execution_job`` that names a job is its id. A ``view`` is ``BASIC``, or ``FULL`` for the
    notebook that was sent along, too.
    """

    client_class = NotebookServiceClient
    resource_class = types.NotebookExecutionJob

    @staticmethod
    def build_notebook_execution_job(
        notebook_execution_job: types.NotebookExecutionJob | Mapping[str, Any],
        *,
        notebook: Notebook | None = None,
    ) -> types.NotebookExecutionJob:
        """Check a resource and return it as the official type; see ``notebook_builder``."""
        return build_notebook_execution_job(notebook_execution_job, notebook=notebook)

    @staticmethod
    def as_view(view: str) -> types.NotebookExecutionJobView:
        """Return the API's value for a view."""
        return as_view(view)

    def get_notebook_service_client(self, region: str | None = None) -> NotebookServiceClient:
        """Return the client for a region, the same at every call."""
        return self.get_client(NotebookServiceClient, region)

    @GoogleJobHook.fallback_to_default_project_id
    def create_notebook_execution_job(
        self,
        *,
        region: str,
        notebook_execution_job: types.NotebookExecutionJob | Mapping[str, Any],
        notebook_execution_job_id: str | None = None,
        notebook: Notebook | None = None,
        project_id: str = PROVIDE_PROJECT_ID,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Create a notebook execution job, and return the operation that ends when the notebook has.

        :param notebook_execution_job: the resource, as the official type or in its JSON form.
        :param notebook_execution_job_id: the id of the job; default the service's choice.
        :param notebook: path of an ``.ipynb`` file, or a notebook's JSON, to be sent along.
        :raises InvalidJobSpec: when the resource breaks a rule that can be seen from here.
        """
        if notebook_execution_job_id is not None:
            check_job_id(notebook_execution_job_id)
        return self.get_notebook_service_client(region).create_notebook_execution_job(
            parent=f"projects/{project_id}/locations/{region}",
            notebook_execution_job=build_notebook_execution_job(notebook_execution_job, notebook=notebook),
            notebook_execution_job_id=notebook_execution_job_id,
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def get_notebook_execution_job(
        self,
        *,
        region: str,
        notebook_execution_job: str,
        view: str = "BASIC",
        project_id: str = PROVIDE_PROJECT_ID,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> types.NotebookExecutionJob:
        """Get a notebook execution job."""
        return self.get_notebook_service_client(region).get_notebook_execution_job(
            request={
                "name": self.full_name(project_id, region, notebook_execution_job),
                "view": as_view(view),
            },
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def list_notebook_execution_jobs(
        self,
        *,
        region: str,
        filter: str | None = None,
        order_by: str | None = None,
        view: str = "BASIC",
        page_size: int | None = None,
        page_token: str | None = None,
        project_id: str = PROVIDE_PROJECT_ID,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> ListNotebookExecutionJobsPager:
        """List notebook execution jobs; the pager fetches further pages as it is iterated.

        :param filter: by ``notebookExecutionJob`` (the id), ``displayName`` or ``schedule``, such as
            ``displayName=~"daily.*"``.
        :param order_by: ``display_name``, ``create_time`` or ``update_time``, such as ``create_time desc``.
        :param page_size: jobs in a page.
        :param page_token: where to go on.
        """
        return self.get_notebook_service_client(region).list_notebook_execution_jobs(
            request={
                "parent": f"projects/{project_id}/locations/{region}",
                "filter": filter,
                "order_by": order_by,
                "view": as_view(view),
                "page_size": page_size,
                "page_token": page_token,
            },
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def delete_notebook_execution_job(
        self,
        *,
        region: str,
        notebook_execution_job: str,
        project_id: str = PROVIDE_PROJECT_ID,
        retry: Retry | _MethodDefault = DEFAULT,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Operation:
        """Delete a notebook execution job, and with it stop it; wait for it with `wait_for_operation`."""
        return self.get_notebook_service_client(region).delete_notebook_execution_job(
            name=self.full_name(project_id, region, notebook_execution_job),
            retry=retry,
            timeout=timeout or REQUEST_TIMEOUT,
            metadata=metadata,
        )
