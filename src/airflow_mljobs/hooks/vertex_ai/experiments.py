"""Vertex AI Experiments: an experiment is a metadata context, a pipeline's run becomes its child.

https://cloud.google.com/vertex-ai/docs/experiments/intro-vertex-ai-experiments
"""

from __future__ import annotations

import time

from google.api_core.exceptions import NotFound
from google.cloud.aiplatform_v1 import MetadataServiceClient, PipelineServiceClient

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import REQUEST_TIMEOUT
from airflow_mljobs.hooks.outcome import error_text
from airflow_mljobs.hooks.vertex_ai.base import VertexAIHook

EXPERIMENT_SCHEMA = "system.Experiment"


class ExperimentHook(VertexAIHook):
    """Adds the runs of pipelines to experiments.

    The experiment is looked for before the job is created, so that a wrong name costs nothing; the SDK
    looks for it afterwards, and leaves a paid job without a task.
    """

    def check_experiment(self, *, project_id: str, region: str, experiment: str) -> str:
        """Return the full name of an existing experiment.

        :raises InvalidJobSpec: when there is none of that name.
        """
        parent = f"projects/{project_id}/locations/{region}"
        name = f"{parent}/metadataStores/default/contexts/{experiment}"
        try:
            context = self._metadata(region).get_context(name=name, timeout=REQUEST_TIMEOUT)
        except NotFound as error:
            raise InvalidJobSpec(
                field="experiment", value=experiment, rule=f"must exist in {parent}; there is none"
            ) from error
        if context.schema_title != EXPERIMENT_SCHEMA:
            raise InvalidJobSpec(
                field="experiment",
                value=experiment,
                rule=f"must be of the schema {EXPERIMENT_SCHEMA}, not {context.schema_title}",
            )
        return name

    def add_to_experiment(self, name: str, *, experiment: str, within: float = 60.0) -> None:
        """Add a pipeline job's run to an experiment as soon as the service has made the run's context.

        The job is at work already, so what goes wrong here is a warning and no failure. Doing it again
        changes nothing.

        :param name: the job's full resource name.
        :param experiment: the experiment's name.
        :param within: seconds to wait for the context.
        """
        _, project, _, region, *_ = name.split("/")
        until = time.monotonic() + within
        try:
            target = self.check_experiment(project_id=project, region=region, experiment=experiment)
            while not (context := self._run_context(name, region)):
                if time.monotonic() > until:
                    raise TimeoutError(f"the service made no context for the run within {within:.0f} s")
                time.sleep(1)
            self._metadata(region).add_context_children(
                context=target, child_contexts=[context], timeout=REQUEST_TIMEOUT
            )
        except Exception as error:
            self.log.warning(
                "Job %s runs, but could not be added to experiment %s (%s); add it in the console",
                name,
                experiment,
                error_text(error),
            )

    def _metadata(self, region: str) -> MetadataServiceClient:
        return self.get_client(MetadataServiceClient, region)

    def _run_context(self, name: str, region: str) -> str:
        client = self.get_client(PipelineServiceClient, region)
        job = client.get_pipeline_job(name=name, timeout=REQUEST_TIMEOUT)
        return str(job.job_detail.pipeline_run_context.name)
