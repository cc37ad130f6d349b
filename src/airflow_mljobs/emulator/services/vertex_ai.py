"""Vertex AI as the emulator knows it: the PipelineService and the JobService (CustomJob)."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.longrunning import operations_pb2
from google.protobuf.json_format import MessageToDict

from airflow_mljobs.emulator.execution.base import Phase, Pipeline, Update
from airflow_mljobs.emulator.filters import text_field
from airflow_mljobs.emulator.rpc import Call, Method
from airflow_mljobs.emulator.services import pipeline_spec
from airflow_mljobs.emulator.services.task_details import TaskDetails
from airflow_mljobs.emulator.services.validation import Violations, check_location
from airflow_mljobs.emulator.services.vertex import VertexJobs, official

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_mljobs.emulator.store import Record

_BILLING_LABEL = "vertex-ai-pipelines-run-billing-id"
_MAX_BATCH = 32


def _random_id() -> int:
    return 10**18 + secrets.randbelow(8 * 10**18)


class PipelineJobs(VertexJobs):
    """`projects/*/locations/*/pipelineJobs/*`."""

    service: ClassVar = "google.cloud.aiplatform.v1.PipelineService"
    noun: ClassVar = "PipelineJob"
    collection: ClassVar = "pipelineJobs"
    page: ClassVar = "/vertex-ai/locations/{region}/pipelines/runs/{job_id}"
    resource: ClassVar[Any] = official("PipelineJob")
    states: ClassVar = {
        phase: f"PIPELINE_STATE_{phase.name}" for phase in Phase if phase is not Phase.SKIPPED
    }
    first_phase: ClassVar = Phase.PENDING
    output_only: ClassVar = (*VertexJobs.output_only, "job_detail", "template_metadata", "schedule_name")
    hidden_in_list: ClassVar = ("job_detail",)
    extra_fields: ClassVar = {
        name: text_field(name)
        for name in ("pipeline_name", "pipeline_job_user_id", "template_uri", "template_metadata.version")
    }

    _id: ClassVar = re.compile(r"[a-z][-a-z0-9]{0,127}")

    def methods(self) -> Mapping[str, Method]:
        """Declare the service, which knows batches too."""
        return {
            **super().methods(),
            **{
                f"Batch{verb}PipelineJobs": Method(
                    request=official(f"Batch{verb}PipelineJobsRequest"),
                    response=operations_pb2.Operation,
                    handle=handle,
                )
                for verb, handle in (("Cancel", self._batch_cancel), ("Delete", self._batch_delete))
            },
        }

    def check_id(self, job_id: str) -> None:
        """Hold the client to the documented alphabet."""
        if not self._id.fullmatch(job_id):
            violations = Violations()
            violations.add("pipeline_job_id", f"'{job_id}' must match {self._id.pattern}.")
            violations.raise_if_any()

    def new_id(self, parent: str, resource: Any) -> str:
        """Name the job after its pipeline and the second of its creation, or the next free second."""
        name = re.sub(r"[^a-z0-9]+", "-", self._pipeline_name(resource).lower()).strip("-") or "pipeline"
        moment = self.clock.now()
        while True:
            job_id = f"{name}-{moment:%Y%m%d%H%M%S}"
            if self.store.get(f"{parent}/{self.collection}/{job_id}") is None:
                return job_id
            moment += timedelta(seconds=1)

    def check(self, resource: Any, violations: Violations) -> None:
        """Check the spec and the values for its parameters."""
        config = resource.runtime_config
        violations.require("runtime_config.gcs_output_directory", config.gcs_output_directory)
        if config.gcs_output_directory and not config.gcs_output_directory.startswith("gs://"):
            violations.add(
                "runtime_config.gcs_output_directory",
                f"'{config.gcs_output_directory}' must start with gs://.",
            )
        if not resource.HasField("pipeline_spec"):
            if not resource.template_uri:
                violations.add("pipeline_spec", "Either pipeline_spec or template_uri must be set.")
            return
        spec = MessageToDict(resource.pipeline_spec)
        pipeline_spec.check_spec(spec, violations)
        pipeline_spec.check_parameters(
            spec, MessageToDict(config)["parameterValues"] if config.parameter_values else {}, violations
        )

    def complete(self, resource: Any) -> None:
        """Add the metadata contexts, the label by which the service bills, and the tasks."""
        contexts = f"{resource.name.rsplit('/', 2)[0]}/metadataStores/default/contexts"
        for context, name, schema in (
            (resource.job_detail.pipeline_context, self._pipeline_name(resource), "system.Pipeline"),
            (
                resource.job_detail.pipeline_run_context,
                resource.name.rpartition("/")[2],
                "system.PipelineRun",
            ),
        ):
            context.name, context.display_name, context.schema_title = f"{contexts}/{name}", name, schema
            context.schema_version = "0.0.1"
            context.create_time.CopyFrom(resource.create_time)
            context.update_time.CopyFrom(resource.create_time)
        resource.labels[_BILLING_LABEL] = str(_random_id())
        tasks = pipeline_spec.tasks_of(MessageToDict(resource.pipeline_spec))
        TaskDetails(resource.job_detail).announce(list(tasks), _random_id(), self.clock.now())

    def track(self, resource: Any, update: Update, at: datetime) -> None:
        """Keep the tasks of the pipeline, and leave none open at its end."""
        details = TaskDetails(resource.job_detail)
        details.update(update.tasks, at)
        if update.phase is not None and update.phase.is_final:
            details.close(update.phase, at)

    def pipeline(self, record: Record, resource: Any) -> Pipeline:
        """Hand over the spec; artifacts come to lie where Vertex AI puts them, by project and job."""
        spec, config = MessageToDict(resource.pipeline_spec), MessageToDict(resource.runtime_config)
        root = config.get("gcsOutputDirectory") or spec.get("defaultPipelineRoot", "")
        place = f"{record.name.split('/')[1]}/{record.id}"
        return Pipeline(
            spec=spec,
            arguments=config.get("parameterValues", {}),
            root=root and f"{root.rstrip('/')}/{place}",
        )

    def tasks(self, resource: Any) -> list[tuple[str, str]]:
        """Name the tasks and their states."""
        return TaskDetails(resource.job_detail).shown()

    def describe_failure(self, resource: Any, error: str | None) -> tuple[grpc.StatusCode, str]:
        """Name the failed tasks; the reason of each stands in its own error."""
        failed = TaskDetails(resource.job_detail).failed()
        cause = (
            f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}]."
            if failed
            else error or "Job failed."
        )
        project, number = resource.name.split("/")[1], resource.labels[_BILLING_LABEL]
        return grpc.StatusCode.FAILED_PRECONDITION, (
            f"{cause}; Job (project_id = {project}, job_id = {number}) is failed due to the above error.; "
            f"Failed to handle the job: {{project_number = {project}, job_id = {number}}}"
        )

    def extra(self, resource: Any) -> dict[str, str]:
        """Pick what only pipeline jobs are searched by."""
        return {
            "pipeline_name": self._pipeline_name(resource),
            "pipeline_job_user_id": resource.name.rpartition("/")[2],
            "template_uri": resource.template_uri,
            "template_metadata.version": resource.template_metadata.version,
        }

    def _pipeline_name(self, resource: Any) -> str:
        # Not all of the spec, which may be large, each time that the job is kept.
        info = resource.pipeline_spec.fields.get("pipelineInfo")
        return pipeline_spec.name_of({} if info is None else {"pipelineInfo": MessageToDict(info)})

    def _batch(self, request: Any) -> Sequence[str]:
        check_location("parent", request.parent)
        violations = Violations()
        violations.require("names", request.names)
        if len(request.names) > _MAX_BATCH:
            violations.add("names", f"must be at most {_MAX_BATCH}, got {len(request.names)}.")
        for name in request.names:
            if not name.startswith(f"{request.parent}/"):
                violations.add("names", f"'{name}' is not in '{request.parent}'.")
        violations.raise_if_any()
        return list(dict.fromkeys(request.names))

    def _batch_cancel(self, request: Any, call: Call) -> Any:
        """Cancel all or, if one is unknown, none; those that have ended are passed over."""
        active = [record.name for record in map(self.find, self._batch(request)) if not record.phase.is_final]
        for name in active:
            self.cancel(name)
        return self.operations.start(
            request.parent,
            response=official("BatchCancelPipelineJobsResponse")(pipeline_jobs=map(self.get, active)),
            metadata=official("BatchCancelPipelineJobsOperationMetadata")(),
            awaits=active,
        )

    def _batch_delete(self, request: Any, call: Call) -> Any:
        """Delete all or, if one cannot be deleted, none."""
        with self.store.transaction():
            jobs = [self.delete(name) for name in self._batch(request)]
            return self.operations.start(
                request.parent,
                response=official("BatchDeletePipelineJobsResponse")(pipeline_jobs=jobs),
                metadata=official("DeleteOperationMetadata")(),
            )


class CustomJobs(VertexJobs):
    """`projects/*/locations/*/customJobs/*`."""

    service: ClassVar = "google.cloud.aiplatform.v1.JobService"
    noun: ClassVar = "CustomJob"
    collection: ClassVar = "customJobs"
    page: ClassVar = "/vertex-ai/locations/{region}/training/{job_id}/cpu"
    resource: ClassVar[Any] = official("CustomJob")
    states: ClassVar = {phase: f"JOB_STATE_{phase.name}" for phase in Phase if phase is not Phase.SKIPPED}
    first_phase: ClassVar = Phase.QUEUED
    output_only: ClassVar = (*VertexJobs.output_only, "web_access_uris", "satisfies_pzs", "satisfies_pzi")

    def new_id(self, parent: str, resource: Any) -> str:
        """Draw a number: the client has no say."""
        return str(_random_id())

    def check(self, resource: Any, violations: Violations) -> None:
        """Check that there is a name and something to run in every pool."""
        violations.require("display_name", resource.display_name)
        pools = resource.job_spec.worker_pool_specs
        violations.require("job_spec.worker_pool_specs", pools)
        for number, pool in enumerate(pools):
            field = f"job_spec.worker_pool_specs[{number}]"
            task = pool.WhichOneof("task")
            # A pool other than the first may be left empty to keep the place of those behind it.
            if task is None and (number == 0 or pool.ByteSize()):
                violations.add(field, "Either container_spec or python_package_spec must be set.")
            elif task == "container_spec":
                violations.require(f"{field}.container_spec.image_uri", pool.container_spec.image_uri)
            elif task == "python_package_spec":
                spec = pool.python_package_spec
                for name in ("executor_image_uri", "package_uris", "python_module"):
                    violations.require(f"{field}.python_package_spec.{name}", getattr(spec, name))
