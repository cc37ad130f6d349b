"""The NotebookService as the emulator knows it: notebook execution jobs, not the runtimes that run them.

https://cloud.google.com/vertex-ai/docs/reference/rpc/google.cloud.aiplatform.v1#notebookservice
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from google.longrunning import operations_pb2
from google.rpc import code_pb2, status_pb2

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.execution.base import Phase
from airflow_mljobs.emulator.filters import Field, FieldType, text_field
from airflow_mljobs.emulator.rpc import Call, Method
from airflow_mljobs.emulator.services.vertex import VertexJobs, official

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_mljobs.emulator.services.validation import Violations

CREATION_LABEL = "emulator-creation"
"""With the value `failed`, the creation ends in an error, and there is no job."""

_FULL = 2


class NotebookExecutionJobs(VertexJobs):
    """`projects/*/locations/*/notebookExecutionJobs/*`.

    Creating one is an operation that lasts as long as the job; its name stands below the job's. A job can
    only be stopped by being deleted. What the reference leaves open is the form of an id, here of 128
    letters, digits, dashes and underscores.
    """

    service: ClassVar = "google.cloud.aiplatform.v1.NotebookService"
    noun: ClassVar = "NotebookExecutionJob"
    collection: ClassVar = "notebookExecutionJobs"
    page: ClassVar = "/vertex-ai/colab/execution-jobs"
    resource: ClassVar[Any] = official("NotebookExecutionJob")
    states: ClassVar = {phase: f"JOB_STATE_{phase.name}" for phase in Phase if phase is not Phase.SKIPPED}
    state_field: ClassVar = "job_state"
    error_field: ClassVar = "status"
    first_phase: ClassVar = Phase.PENDING
    output_only: ClassVar = ("name", "create_time", "update_time")
    order_fields: ClassVar = ("display_name", "create_time", "update_time")
    deletable_while_active: ClassVar = True

    _id: ClassVar = re.compile(r"[A-Za-z0-9][\w-]{0,127}", re.ASCII)

    def methods(self) -> Mapping[str, Method]:
        """Declare the service, whose create is an operation."""
        create = Method(
            request=official("CreateNotebookExecutionJobRequest"),
            response=operations_pb2.Operation,
            handle=self._create_by_operation,
        )
        return {**super().methods(), "CreateNotebookExecutionJob": create}

    def check_id(self, job_id: str) -> None:
        """Let the client choose the id."""
        if not self._id.fullmatch(job_id):
            msg = f"Invalid notebook_execution_job_id '{job_id}': must match {self._id.pattern}."
            raise invalid(msg)

    def new_id(self, parent: str, resource: Any) -> str:
        """Draw a number."""
        return str(10**18 + secrets.randbelow(8 * 10**18))

    def check(self, resource: Any, violations: Violations) -> None:
        """Check for a notebook, an environment to run it in, an identity to run it as, and a place for it."""
        violations.require("display_name", resource.display_name)
        violations.require("notebook_source", resource.WhichOneof("notebook_source"))
        violations.require("execution_identity", resource.WhichOneof("execution_identity"))
        workbench = resource.HasField("workbench_runtime")
        violations.require("environment_spec", workbench or resource.WhichOneof("environment_spec"))
        if workbench and resource.WhichOneof("execution_identity") == "execution_user":
            violations.add("execution_user", "is only supported by Colab runtimes.")
        violations.require("gcs_output_uri", resource.gcs_output_uri)
        for field, uri in (
            ("gcs_output_uri", resource.gcs_output_uri),
            ("gcs_notebook_source.uri", resource.gcs_notebook_source.uri),
        ):
            if uri and not uri.startswith("gs://"):
                violations.add(field, f"'{uri}' must start with gs://.")

    def complete(self, resource: Any) -> None:
        """Set the time that a job has when it says nothing."""
        if not resource.HasField("execution_timeout"):
            resource.execution_timeout.FromSeconds(86_400)

    def enter(self, resource: Any, phase: Phase, error: str | None, at: datetime) -> None:
        """Write a new phase into a resource; a job that has ended has a status, be it a good one."""
        super().enter(resource, phase, error, at)
        if phase.is_final:
            resource.status.SetInParent()

    def filter_fields(self) -> Mapping[str, Field]:
        """Declare the only three fields that the reference has."""
        return {
            "notebook_execution_job": Field(type=FieldType.WORD, column=text_field("id").column),
            "display_name": Field(type=FieldType.PATTERN, column="display_name"),
            "schedule": Field(type=FieldType.PATTERN, column=text_field("schedule").column),
        }

    def extra(self, resource: Any) -> dict[str, str]:
        """Pick what only notebook execution jobs are searched by."""
        return {"id": resource.name.rpartition("/")[2], "schedule": resource.schedule_resource_name}

    def show(self, resource: Any, request: Any) -> Any:
        """Leave the notebook out, unless it is asked for."""
        if request.view != _FULL:
            resource.ClearField("direct_notebook_source")
        return resource

    def _create_by_operation(self, request: Any, call: Call) -> Any:
        metadata = official("CreateNotebookExecutionJobOperationMetadata")()
        if request.notebook_execution_job.labels.get(CREATION_LABEL) == "failed":
            name = f"{request.parent}/{self.collection}/{request.notebook_execution_job_id}"
            refusal = status_pb2.Status(
                code=code_pb2.FAILED_PRECONDITION, message="The runtime template is not usable."
            )
            return self.operations.start(name, response=refusal, metadata=metadata)
        job = self._create(request, call)
        return self.operations.start(job.name, response=job, metadata=metadata, awaits=[job.name])
