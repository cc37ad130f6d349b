"""Operators for AI Platform's training and batch prediction jobs, once named ML Engine.

https://cloud.google.com/ai-platform/training/docs/training-jobs
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.links.mlengine import MLEngineJobLink, MLEngineJobListLink
from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.operators.google import GoogleJobOperator
from airflow_mljobs.operators.small import (
    CancelJobOperator,
    GetJobOperator,
    ListJobsOperator,
    OneJobOperator,
)
from airflow_mljobs.triggers.mlengine import MLEngineJobTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_mljobs.jobs import Job, Submit, TaskIdentity

ID_LENGTH = 128
"""The most characters that the service takes in a job's id."""

OWN_LABELS = "airflow-"
"""How the labels begin by which a task finds its jobs."""


class RunMLEngineJobOperator(GoogleJobOperator, RunJobOperator):
    """Runs a training or batch prediction job on AI Platform.

    :param job: the resource whole, in the API's JSON form with its field names in ``camelCase``, or as the
        name of a YAML or JSON file beside the DAG: ``trainingInput`` or ``predictionInput``, ``labels``, and
        a ``jobId`` if it matters; later jobs of the same task get it with a suffix. Default of that: made
        from the names of DAG and task.
        https://cloud.google.com/ai-platform/training/docs/reference/rest/v1/projects.jobs
    """

    hook_class = MLEngineJobTrigger.hook_class
    trigger_class = MLEngineJobTrigger
    operator_extra_links = (MLEngineJobLink(),)
    template_fields: Sequence[str] = (*GoogleJobOperator.template_fields, "job")
    bodies = ("job",)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(bodies, "json")
    input_fields = (
        "job.trainingInput.packageUris",
        "job.predictionInput.uri",
        "job.predictionInput.inputPaths",
    )
    output_fields = ("job.trainingInput.jobDir", "job.predictionInput.outputPath")

    def __init__(self, *, job: dict[str, Any] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    @property
    def job_id(self) -> str | None:
        """The id that the user chose."""
        chosen: str | None = self.body("job").get("jobId")
        return chosen

    def build(self) -> Any:
        """Make the resource."""
        return self.hook.build_mlengine_job(self.body("job"))

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the job."""
        labels = dict(resource.get("labels") or {})
        if identity is not None:
            labels |= identity.labels(attempt=attempt.number)
        body = resource | {"labels": labels, "jobId": self._id_of(identity, attempt)}
        created = self.hook.create(project_id=self.project, job=body)
        job: Job = self.hook.as_job({"name": self.full_name(created["jobId"]), **created})
        return job

    def _id_of(self, identity: TaskIdentity | None, attempt: Submit) -> str:
        if identity is None:
            return self.job_id or f"airflow_{uuid.uuid4().hex}"
        if not self.job_id:
            made: str = self.hook.job_id_of(identity, attempt=attempt.number)
            return made
        if attempt.first:
            return self.job_id
        mark = f"_{identity.epoch}_{attempt.number}"
        return self.job_id[: ID_LENGTH - len(mark)] + mark


class OneMLEngineJobOperator(GoogleJobOperator, OneJobOperator):
    """Takes an AI Platform job.

    :param job_id: its id, or its full resource name.
    """

    job_field = "job_id"
    hook_class = MLEngineJobTrigger.hook_class
    operator_extra_links: Collection[BaseOperatorLink] = (MLEngineJobLink(),)
    template_fields: Sequence[str] = (*GoogleJobOperator.template_fields, "job_id")

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id


class GetMLEngineJobOperator(OneMLEngineJobOperator, GetJobOperator):
    """Returns an AI Platform job, with its full ``name`` added."""


class CancelMLEngineJobOperator(OneMLEngineJobOperator, CancelJobOperator):
    """Asks for an AI Platform job to be cancelled."""


class UpdateMLEngineJobOperator(OneMLEngineJobOperator):
    """Replaces the labels of an AI Platform job, and returns the job, with its full ``name`` added.

    The labels by which a Run operator finds its job are kept.

    :param labels: the new labels; all others go.
    :param etag: the job's etag as it was read, for the change to be made only if it still holds; default
        the one that the job has when the task begins.
    :raises JobConflict: when somebody changed the job since.
    :raises JobNotFound: when there is no such job.
    """

    template_fields: Sequence[str] = (*OneMLEngineJobOperator.template_fields, "labels", "etag")
    template_fields_renderers: ClassVar[dict[str, str]] = {"labels": "json"}

    def __init__(self, *, labels: dict[str, str], etag: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.labels = labels
        self.etag = etag

    def execute(self, context: Context) -> dict[str, Any]:
        """Change the job."""
        name = self.job_name
        current = self.fetch()
        kept = {key: text for key, text in current.get("labels", {}).items() if key.startswith(OWN_LABELS)}
        changed = self.hook.patch(
            job_id=name, job={"labels": self.labels | kept}, etag=self.etag or current.get("etag")
        )
        self.show_page(context, self.hook.page_url(name))
        self.log.info("Changed the labels of job %s", name)
        return {"name": name, **changed}


class ListMLEngineJobOperator(GoogleJobOperator, ListJobsOperator):
    """Returns a list of AI Platform jobs, each with its full ``name`` added.

    A ``filter`` is such as ``state:FAILED AND jobId:census*``; the service gives at most 100 jobs at once.
    """

    hook_class = MLEngineJobTrigger.hook_class
    operator_extra_links = (MLEngineJobListLink(),)
    template_fields: Sequence[str] = (*GoogleJobOperator.template_fields, *ListJobsOperator.template_fields)
