"""Submitting compiled pipelines: what the published hook offers, without the SDK's detours.

The SDK's ``submit()`` looks for a staging bucket, and may make one, before it creates the job; only
what nobody else can give, the SDK's own job object, is taken from it, and imported when asked for.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow_mljobs.hooks.google import GoogleJobHook, check_type
from airflow_mljobs.hooks.outcome import FATES, error_for, raise_unless_succeeded
from airflow_mljobs.hooks.vertex_ai.experiments import ExperimentHook
from airflow_mljobs.hooks.vertex_ai.pipeline_builder import (
    build_pipeline_job,
    check_failure_policy,
    check_job_id,
)
from airflow_mljobs.hooks.vertex_ai.pipeline_service import PipelineServiceHook
from airflow_mljobs.hooks.vertex_ai.pipeline_template import load_template
from airflow_mljobs.hooks.vertex_ai.resources import pipeline_name
from airflow_mljobs.jobs import GiveUp, Poller
from airflow_mljobs.jobs.identity import slug

if TYPE_CHECKING:
    from google.cloud.aiplatform import PipelineJob
    from google.cloud.aiplatform.metadata import experiment_resources
    from google.cloud.aiplatform_v1 import types

P = ParamSpec("P")
R = TypeVar("R")

RUN_POLL_INTERVAL = 5.0
"""Seconds between two looks of `PipelineSubmissionHook.run_pipeline_job`, as in the SDK."""


def _takes_what(
    source: Callable[P, R],
) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a method the signature of another one, for readers, editors and type checkers alike."""

    def decorate(method: Callable[..., R]) -> Callable[P, R]:
        described = functools.wraps(source, assigned=())(method)
        return described

    return decorate


class PipelineSubmissionHook(PipelineServiceHook, ExperimentHook):
    """Builds pipeline jobs, submits them, and runs them to their end."""

    def build_pipeline_job(
        self, *, project_id: str, region: str, template_path: str, job_id: str | None = None, **fields: Any
    ) -> types.PipelineJob:
        """Load a compiled pipeline and make the resource to create; nothing is sent to Vertex AI.

        :param project_id: for the default output folder, and to read the template.
        :param region: where the job will run.
        :param template_path: see `submit_pipeline_job`.
        :param job_id: the id that the job will have, to be checked with the rest.
        :param fields: the further fields of ``pipeline_builder.build_pipeline_job``.
        :raises InvalidJobSpec: naming the field, the value and the rule.
        """
        if job_id:
            check_type("job_id", job_id, str)
            check_job_id(job_id)
        # Before the template, which may have to be fetched.
        check_failure_policy(fields.get("failure_policy"))
        check_type("template_path", template_path, str)
        credentials = self.get_credentials() if "://" in (template_path or "") else None
        return build_pipeline_job(
            load_template(template_path, project=project_id, credentials=credentials),
            template_path=template_path,
            # Where the SDK puts outputs that nobody gave a place: existing DAGs look for them there.
            default_root=f"gs://{project_id}-vertex-pipelines-{region}/output_artifacts/",
            **fields,
        )

    @GoogleJobHook.fallback_to_default_project_id
    def submit_pipeline_job(
        self,
        project_id: str,
        region: str,
        display_name: str,
        template_path: str,
        job_id: str | None = None,
        pipeline_root: str | None = None,
        parameter_values: dict[str, Any] | None = None,
        input_artifacts: dict[str, str] | None = None,
        enable_caching: bool | None = None,
        encryption_spec_key_name: str | None = None,
        labels: dict[str, str] | None = None,
        failure_policy: str | None = None,
        service_account: str | None = None,
        network: str | None = None,
        create_request_timeout: float | None = None,
        experiment: str | experiment_resources.Experiment | None = None,
        reserved_ip_ranges: list[str] | None = None,
    ) -> PipelineJob:
        """Submit a compiled pipeline and return at once.

        :param region: where it runs.
        :param display_name: 1 to 128 characters.
        :param template_path: the compiled pipeline: a local path, ``gs://…``, an Artifact Registry
            address or an ``https://`` address of a YAML or JSON file.
        :param job_id: the id; without one, the pipeline's name and a random part.
        :param pipeline_root: ``gs://`` folder of the outputs.
        :param parameter_values: values of the pipeline's parameters, in the types it declares.
        :param input_artifacts: ids of the artifacts that it takes.
        :param enable_caching: overrides what the pipeline says for each of its tasks.
        :param encryption_spec_key_name: Cloud KMS key.
        :param labels: of the job.
        :param failure_policy: ``slow`` or ``fast``.
        :param service_account: whom the pipeline runs as.
        :param network: full name of the Compute Engine network to peer with.
        :param create_request_timeout: seconds that the create may take.
        :param experiment: an existing experiment to which the run is added.
        :param reserved_ip_ranges: names of the ranges to use in the network.
        :return: the SDK's object for the job, which speaks through this hook's client.
        :raises InvalidJobSpec: before anything is created.
        """
        resource = self.build_pipeline_job(
            project_id=project_id,
            region=region,
            template_path=template_path,
            display_name=display_name,
            pipeline_root=pipeline_root,
            parameter_values=parameter_values,
            input_artifacts=input_artifacts,
            enable_caching=enable_caching,
            encryption_spec_key_name=encryption_spec_key_name,
            labels=labels,
            failure_policy=failure_policy,
            service_account=service_account,
            network=network,
            reserved_ip_ranges=reserved_ip_ranges,
            job_id=job_id,
        )
        experiment_name = str(getattr(experiment, "name", experiment or ""))
        if experiment_name:
            self.check_experiment(project_id=project_id, region=region, experiment=experiment_name)
        job = self.create_pipeline_job(
            project_id=project_id,
            region=region,
            pipeline_job=resource,
            pipeline_job_id=job_id or self.generate_job_id(resource),
            timeout=create_request_timeout,
        )
        self.log.info("Submitted pipeline job %s; page: %s", job.name, self.page_url(job.name))
        if experiment_name:
            self.add_to_experiment(job.name, experiment=experiment_name)
        return self._as_sdk_object(job)

    @_takes_what(submit_pipeline_job)
    def run_pipeline_job(self, **kwargs: Any) -> PipelineJob:
        """Submit a compiled pipeline and block until it has ended; see `submit_pipeline_job`.

        :raises JobFailed: with the failed tasks' names and errors.
        :raises JobCancelled: when somebody cancelled it.
        :raises JobUnreachable: when the service was silent for an hour.
        """
        job = self.submit_pipeline_job(**kwargs)
        end = self.wait_for_job(
            job.resource_name, poller=Poller(poll_interval=RUN_POLL_INTERVAL), logger=self.log
        )
        if isinstance(end, GiveUp):
            name = job.resource_name
            raise error_for(name, end.verdict, end.message, fate=FATES[end.verdict], page=self.page_url(name))
        raise_unless_succeeded(end.job)
        job._sync_gca_resource()  # type: ignore[no-untyped-call]
        return job

    def get_pipeline_job_object(
        self,
        display_name: str,
        template_path: str,
        job_id: str | None = None,
        pipeline_root: str | None = None,
        parameter_values: dict[str, Any] | None = None,
        input_artifacts: dict[str, str] | None = None,
        enable_caching: bool | None = None,
        encryption_spec_key_name: str | None = None,
        labels: dict[str, str] | None = None,
        project: str | None = None,
        location: str | None = None,
        failure_policy: str | None = None,
    ) -> PipelineJob:
        """Return the SDK's object for a job that is yet to be submitted, speaking through this hook."""
        from google.cloud.aiplatform import PipelineJob

        job = PipelineJob(
            display_name=display_name,
            template_path=template_path,
            job_id=job_id,
            pipeline_root=pipeline_root,
            parameter_values=parameter_values,
            input_artifacts=input_artifacts,
            enable_caching=enable_caching,
            encryption_spec_key_name=encryption_spec_key_name,
            labels=labels,
            credentials=self.get_credentials(),
            project=project or self.project_id,
            location=location,
            failure_policy=failure_policy,
        )
        job.api_client = self.get_pipeline_service_client(location)  # type: ignore[assignment]
        return job

    @staticmethod
    def generate_job_id(resource: types.PipelineJob) -> str:
        """Make an id for a job that nobody needs to find again: two in the same second differ."""
        name = slug(pipeline_name(resource) or "", limit=90)
        return f"{name if name[:1].isalpha() else f'pipeline-{name}'}-{uuid.uuid4().hex[:16]}"

    def _as_sdk_object(self, resource: types.PipelineJob) -> PipelineJob:
        from google.cloud.aiplatform import PipelineJob

        job = PipelineJob._construct_sdk_resource_from_gapic(resource, credentials=self.get_credentials())
        assert isinstance(job, PipelineJob)
        client = self.get_pipeline_service_client(resource.name.split("/")[3])
        job.api_client = client  # type: ignore[assignment]
        job.job_id = self.extract_pipeline_job_id({"name": resource.name})
        return job
