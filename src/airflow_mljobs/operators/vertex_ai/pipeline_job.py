"""Operators for Vertex AI pipeline jobs: compiled Kubeflow pipelines that Vertex AI runs.

https://cloud.google.com/vertex-ai/docs/pipelines/introduction
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.links.vertex_ai import PipelineJobLink, PipelineJobListLink
from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.google import RegionalJobOperator
from airflow_mljobs.operators.small import (
    CancelJobOperator,
    DeleteJobOperator,
    GetJobOperator,
    OneJobOperator,
)
from airflow_mljobs.operators.vertex_ai.base import ListVertexAIJobsOperator
from airflow_mljobs.triggers.vertex_ai import PipelineJobTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink

    from airflow_mljobs.jobs import Job, Submit, TaskIdentity

ID_LENGTH = 128
"""The most characters of a pipeline job's id."""


class RunPipelineJobOperator(RegionalJobOperator, RunJobOperator):
    """Runs a compiled pipeline on Vertex AI.

    :param display_name: 1 to 128 characters.
    :param template_path: the compiled pipeline: a local path, ``gs://…``, an Artifact Registry address
        or an ``https://`` address of a YAML or JSON file.
    :param job_id: the job's id; later jobs of the same task get it with a suffix. Default: made from
        the names of DAG and task.
    :param pipeline_root: ``gs://`` folder of the outputs.
    :param parameter_values: values of the pipeline's parameters, in the types it declares; or the name of a
        YAML or JSON file beside the DAG that holds them. So may the two other mappings be given.
    :param input_artifacts: ids of the artifacts that it takes.
    :param enable_caching: overrides what the pipeline says for each of its tasks.
    :param encryption_spec_key_name: Cloud KMS key.
    :param labels: further labels of the job.
    :param failure_policy: ``slow`` (default) or ``fast``: whether tasks still start after one failed.
    :param service_account: whom the pipeline runs as.
    :param network: full name of the Compute Engine network to peer with.
    :param create_request_timeout: seconds that the create may take.
    :param experiment: an existing experiment to which the run is added.
    :param reserved_ip_ranges: names of the ranges to use in the network.
    """

    hook_class = PipelineJobTrigger.hook_class
    trigger_class = PipelineJobTrigger
    operator_extra_links = (PipelineJobLink(),)
    template_fields: Sequence[str] = (
        *RegionalJobOperator.template_fields,
        "display_name",
        "template_path",
        "job_id",
        "pipeline_root",
        "parameter_values",
        "input_artifacts",
        "enable_caching",
        "encryption_spec_key_name",
        "labels",
        "failure_policy",
        "service_account",
        "network",
        "experiment",
        "reserved_ip_ranges",
    )
    bodies = ("parameter_values", "input_artifacts", "labels")
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(bodies, "json")
    input_fields = ("template_path",)
    output_fields = ("pipeline_root",)

    def __init__(
        self,
        *,
        display_name: str,
        template_path: str,
        job_id: str | None = None,
        pipeline_root: str | None = None,
        parameter_values: dict[str, Any] | str | None = None,
        input_artifacts: dict[str, str] | str | None = None,
        enable_caching: bool | None = None,
        encryption_spec_key_name: str | None = None,
        labels: dict[str, str] | str | None = None,
        failure_policy: str | None = None,
        service_account: str | None = None,
        network: str | None = None,
        create_request_timeout: float | None = None,
        experiment: str | None = None,
        reserved_ip_ranges: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.display_name = display_name
        self.template_path = template_path
        self.job_id = job_id
        self.pipeline_root = pipeline_root
        self.parameter_values = parameter_values
        self.input_artifacts = input_artifacts
        self.enable_caching = enable_caching
        self.encryption_spec_key_name = encryption_spec_key_name
        self.labels = labels
        self.failure_policy = failure_policy
        self.service_account = service_account
        self.network = network
        self.create_request_timeout = create_request_timeout
        self.experiment = experiment
        self.reserved_ip_ranges = reserved_ip_ranges

    def build(self) -> Any:
        """Make the resource, and look whether its experiment exists."""
        resource = self.hook.build_pipeline_job(
            project_id=self.project,
            region=self.region,
            template_path=self.template_path,
            display_name=self.display_name,
            pipeline_root=self.pipeline_root,
            parameter_values=self.body("parameter_values"),
            input_artifacts=self.body("input_artifacts"),
            enable_caching=self.enable_caching,
            encryption_spec_key_name=self.encryption_spec_key_name,
            labels=self.body("labels"),
            failure_policy=self.failure_policy,
            service_account=self.service_account,
            network=self.network,
            reserved_ip_ranges=self.reserved_ip_ranges,
            job_id=self.job_id,
        )
        if self.experiment:
            self.hook.check_experiment(
                project_id=self.project, region=self.region, experiment=self.experiment
            )
        return resource

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the pipeline job."""
        if identity is None:
            job_id = self.job_id or self.hook.generate_job_id(resource)
        else:
            resource.labels.update(identity.labels(attempt=attempt.number))
            job_id = self._id_of(identity, attempt)
        created = self.hook.create_pipeline_job(
            project_id=self.project,
            region=self.region,
            pipeline_job=resource,
            pipeline_job_id=job_id,
            timeout=self.create_request_timeout,
        )
        job: Job = self.hook.as_job(created)
        return job

    def _id_of(self, identity: TaskIdentity, attempt: Submit) -> str:
        if not self.job_id:
            made: str = self.hook.job_id_of(identity, attempt=attempt.number)
            return made
        if attempt.first:
            return self.job_id
        mark = f"-{identity.epoch}-{attempt.number}"
        return self.job_id[: ID_LENGTH - len(mark)] + mark

    def on_submitted(self, job: Job) -> None:
        """Add the run to its experiment."""
        if self.experiment:
            self.hook.add_to_experiment(job.name, experiment=self.experiment)

    def inputs(self, job: Job | None) -> list[str]:
        """Return the template, and the artifacts, which are of the job's own project and region."""
        found = super().inputs(job)
        if job is None:
            return found
        parent = job.name.partition("/pipelineJobs/")[0]
        store = f"//aiplatform.googleapis.com/{parent}/metadataStores/default/artifacts"
        # A file's name, where nothing was rendered.
        artifacts = self.input_artifacts if isinstance(self.input_artifacts, Mapping) else {}
        return [*found, *(f"{store}/{artifact}" for artifact in artifacts.values())]


class OnePipelineJobOperator(RegionalJobOperator, OneJobOperator):
    """Takes a pipeline job.

    :param pipeline_job_id: its id, or its full resource name.
    """

    job_field = "pipeline_job_id"
    hook_class = PipelineJobTrigger.hook_class
    operator_extra_links: Collection[BaseOperatorLink] = (PipelineJobLink(),)
    template_fields: Sequence[str] = (*RegionalJobOperator.template_fields, "pipeline_job_id")

    def __init__(self, *, pipeline_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline_job_id = pipeline_job_id


class GetPipelineJobOperator(OnePipelineJobOperator, GetJobOperator):
    """Returns a pipeline job."""


class CancelPipelineJobOperator(OnePipelineJobOperator, CancelJobOperator):
    """Asks for a pipeline job to be cancelled."""


class DeletePipelineJobOperator(OnePipelineJobOperator, DeleteJobOperator):
    """Deletes a pipeline job."""

    operator_extra_links = ()


class ListPipelineJobOperator(ListVertexAIJobsOperator):
    """Returns a list of pipeline jobs.

    :param order_by: such as ``create_time desc``.
    """

    hook_class = PipelineJobTrigger.hook_class
    operator_extra_links = (PipelineJobListLink(),)
    template_fields: Sequence[str] = (*ListVertexAIJobsOperator.template_fields, "order_by")

    def __init__(self, *, order_by: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order_by = order_by

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return super().list_params() | {"order_by": self.order_by}
