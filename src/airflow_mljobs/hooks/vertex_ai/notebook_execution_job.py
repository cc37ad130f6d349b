"""Hook for Vertex AI ``NotebookExecutionJob``, which runs a notebook on Colab Enterprise or Workbench.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.notebookExecutionJobs
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.aiplatform_v1 import types
from google.rpc.code_pb2 import CANCELLED, OK

from airflow_mljobs.hooks.google import REQUEST_TIMEOUT
from airflow_mljobs.hooks.vertex_ai.notebook_service import NotebookServiceHook
from airflow_mljobs.hooks.vertex_ai.resources import JOB_STATES, time_of
from airflow_mljobs.jobs import Attempt, Job, JobStatus, TaskIdentity

if TYPE_CHECKING:
    from google.longrunning.operations_pb2 import Operation

    from airflow_mljobs.hooks.lists import Question

ID_LENGTH = 63
"""The service documents no limit; this is the shortest that Google's services have for ids."""

GAP = 2
"""An attempt may be missing because somebody tidied it away; two in a row end the search."""


class NotebookExecutionJobHook(NotebookServiceHook):
    """Runs, reads, lists and deletes notebook execution jobs."""

    collection = "notebookExecutionJobs"
    noun = "notebook_execution_job"
    page = list_page = "colab/execution-jobs"
    command = "gcloud colab executions describe {job_id} --region={region} --project={project}"
    states: ClassVar = JOB_STATES
    state_field = "job_state"
    cancels_by = "delete"
    lists_by_state = False

    def error_of(self, resource: types.NotebookExecutionJob) -> str | None:
        """Return the service's reason, such as the error of the cell that failed."""
        return resource.status.message or None

    def as_job(self, resource: types.NotebookExecutionJob) -> Job:
        """Read the service's resource, which tells no start, and the end by its last change."""
        job = super().as_job(resource)
        ended = None if job.status is JobStatus.ACTIVE else time_of(resource, "update_time")
        return dataclasses.replace(job, ended=ended)

    def page_url(self, name: str) -> str:
        """Return the address of the console's list of executions.

        A page for one execution is not documented. The list's own address is not either: it is the one that
        public guides lead to. What it does not know of the query it passes over.
        """
        project, region, job_id = self.parse_name(name)
        return f"{self.list_url(project)}&region={region}&job_id={job_id}"

    def job_id_of(self, identity: TaskIdentity, *, attempt: int) -> str:
        """Return the id of a task's job, by which it is found again."""
        return identity.job_id(attempt=attempt, limit=ID_LENGTH)

    def get_job(self, name: str) -> Job:
        """Look at one job; one that could not be created has failed, with the reason of its operation."""
        try:
            return super().get_job(name)
        except NotFound:
            reason = self._refusal(name)
            if reason is None:
                raise
            return Job(
                name=name,
                state="JOB_STATE_FAILED",
                status=JobStatus.FAILED,
                error=reason,
                url=self.page_url(name),
            )

    def asked(self, question: Question) -> dict[str, Any]:
        """Ask for all jobs, the newest first: the list knows neither states nor labels, and no mask."""
        return {"order_by": "create_time desc", "view": self.as_view("BASIC")}

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find a task instance's jobs by the ids that they would have: the list cannot filter by labels.

        Takes two requests for each generation that there may have been and one for each job, however many
        jobs of others there are.
        """
        generations = (dataclasses.replace(identity, epoch=n) for n in range(identity.epoch, -1, -1))
        found = [attempt for one in generations for attempt in self._attempts(one, parent)]
        return sorted(found, key=lambda attempt: (attempt.epoch, attempt.number), reverse=True)

    def cancel_job(self, name: str) -> None:
        """Delete a job that is still active; one that has ended stays, and one that is gone is fine."""
        try:
            if self.insist_on_part(self.get_job, name).status is JobStatus.ACTIVE:
                self._method("delete_{}", name)(name=name, timeout=REQUEST_TIMEOUT)
        except NotFound:
            return

    def _attempts(self, identity: TaskIdentity, parent: str) -> Iterator[Attempt]:
        number = last = 0
        while number < last + GAP:
            number += 1
            job_id = self.job_id_of(identity, attempt=number)
            with contextlib.suppress(NotFound):
                resource = self.insist_on_part(self.get_resource, f"{parent}/{self.collection}/{job_id}")
                last = number
                yield Attempt(job=self.as_job(resource), epoch=identity.epoch, number=number)

    def _refusal(self, name: str) -> str | None:
        client = self.get_notebook_service_client(self.parse_name(name)[1])
        try:
            operations = client.list_operations({"name": name}, timeout=REQUEST_TIMEOUT).operations
        except GoogleAPICallError as error:
            self.log.debug("The operations of %s could not be listed: %s", name, error)
            return None
        # Of an id that was used again, only the newest operation tells of the job that is asked for.
        newest = max(operations, key=_began, default=None)
        # A creation that was cancelled, because the job was deleted, is no failure of the job.
        if newest is None or not newest.done or newest.error.code in {OK, CANCELLED}:
            return None
        return f"The job could not be created: {newest.error.message}"


def _began(operation: Operation) -> int:
    # Every operation of Vertex AI has its times in the same field of its metadata.
    metadata = types.CreateNotebookExecutionJobOperationMetadata.pb().FromString(operation.metadata.value)
    nanoseconds: int = metadata.generic_metadata.create_time.ToNanoseconds()
    return nanoseconds
