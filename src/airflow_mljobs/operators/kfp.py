"""Operators for runs of Kubeflow Pipelines.

https://www.kubeflow.org/docs/components/pipelines/concepts/run/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.jobs import Job, JobStatus
from airflow_mljobs.links.kfp import KFPRunLink, KFPRunListLink
from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.operators.small import (
    CancelJobOperator,
    DeleteJobOperator,
    GetJobOperator,
    ListJobsOperator,
    OneJobOperator,
)
from airflow_mljobs.triggers.kfp import KFPRunTrigger

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context

    from airflow_mljobs.jobs import Submit, TaskIdentity


class KFPOperator(JobOperator):
    """Takes a server of Kubeflow Pipelines.

    :param kfp_conn_id: a connection of type ``kfp``.
    :param namespace: of the runs, which multi-user servers ask for; default the connection's.
    """

    template_fields: Sequence[str] = ("kfp_conn_id", "namespace")

    def __init__(
        self, *, kfp_conn_id: str = "kfp_default", namespace: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.kfp_conn_id = kfp_conn_id
        self.namespace = namespace

    @property
    def hook_params(self) -> dict[str, Any]:
        """Arguments of the hook."""
        return {"kfp_conn_id": self.kfp_conn_id, "namespace": self.namespace}

    @property
    def parent(self) -> str:
        """The namespace; empty on a single-user server."""
        return self.hook.namespace or ""

    @property
    def list_page(self) -> str:
        """Address of the list of runs."""
        page: str = self.hook.list_url()
        return page

    def full_name(self, job_id: str) -> str:
        """Return the id, which is a run's only name."""
        return job_id


class RunKFPPipelineOperator(KFPOperator, RunJobOperator):
    """Runs a pipeline on Kubeflow Pipelines, from exactly one of ``pipeline_file``, ``_id`` and ``_name``.

    :param pipeline_file: the compiled pipeline: a path on the worker to YAML or JSON, or the mapping that
        stands in such a file, in which nothing is templated: its braces are kfp's own. Where the connection
        speaks v1beta1, also an Argo workflow.
    :param pipeline_id: a pipeline that the server has.
    :param pipeline_name: the same by its name.
    :param pipeline_version_id: which version of it; default the newest.
    :param parameters: values of the pipeline's parameters, in the types it declares; or the name of a YAML or
        JSON file beside the DAG that holds them.
    :param pipeline_root: folder of the artifacts, such as ``s3://bucket/pipelines``; default the server's.
    :param experiment: name of the experiment that the run belongs to; it must exist.
    :param experiment_id: the same by its id. Multi-user servers need either.
    :param run_name: what people see; names need not be unique. Default: the names of DAG and task.
    :param service_account: of Kubernetes, whom the run's pods run as; default the server's.
    :param description: free text.
    """

    hook_class = KFPRunTrigger.hook_class
    trigger_class = KFPRunTrigger
    operator_extra_links = (KFPRunLink(),)
    template_fields: Sequence[str] = (
        *KFPOperator.template_fields,
        "pipeline_file",
        "pipeline_id",
        "pipeline_name",
        "pipeline_version_id",
        "parameters",
        "pipeline_root",
        "experiment",
        "experiment_id",
        "run_name",
        "service_account",
        "description",
    )
    bodies = ("parameters",)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys((*bodies, "pipeline_file"), "json")
    output_fields = ("pipeline_root",)

    def __init__(
        self,
        *,
        pipeline_file: str | dict[str, Any] | None = None,
        pipeline_id: str | None = None,
        pipeline_name: str | None = None,
        pipeline_version_id: str | None = None,
        parameters: dict[str, Any] | str | None = None,
        pipeline_root: str | None = None,
        experiment: str | None = None,
        experiment_id: str | None = None,
        run_name: str | None = None,
        service_account: str | None = None,
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_file = pipeline_file
        self.pipeline_id = pipeline_id
        self.pipeline_name = pipeline_name
        self.pipeline_version_id = pipeline_version_id
        self.parameters = parameters
        self.pipeline_root = pipeline_root
        self.experiment = experiment
        self.experiment_id = experiment_id
        self.run_name = run_name
        self.service_account = service_account
        self.description = description

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template, which a pipeline given whole is not."""
        if content is self.pipeline_file and isinstance(content, Mapping):
            return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def build(self) -> Any:
        """Make the request."""
        return self.hook.build_run(
            name=f"{self.dag_id}.{self.task_id}" if self.run_name is None else self.run_name,
            pipeline_file=self.pipeline_file,
            pipeline_id=self.pipeline_id,
            pipeline_name=self.pipeline_name,
            pipeline_version_id=self.pipeline_version_id,
            parameters=self.body("parameters"),
            pipeline_root=self.pipeline_root,
            experiment=self.experiment,
            experiment_id=self.experiment_id,
            service_account=self.service_account,
            description=self.description,
        )

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the run."""
        job: Job = self.hook.submit_run(resource, identity=identity, attempt=attempt.number)
        return job


class OneKFPRunOperator(KFPOperator, OneJobOperator):
    """Takes a run.

    :param run_id: its id.
    """

    job_field = "run_id"
    hook_class = KFPRunTrigger.hook_class
    operator_extra_links: Collection[BaseOperatorLink] = (KFPRunLink(),)
    template_fields: Sequence[str] = (*KFPOperator.template_fields, "run_id")

    def __init__(self, *, run_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id


class RetryKFPRunOperator(OneKFPRunOperator, RunJobOperator):
    """Runs the failed steps of a run again, and waits for its end.

    A run that is at work already is waited for, and of one that has succeeded the result is taken.
    """

    trigger_class = KFPRunTrigger
    template_fields: Sequence[str] = OneKFPRunOperator.template_fields

    def build(self) -> Any:
        """Name the run."""
        return self.job_name

    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Ask for the run to be repeated, which looks at it first, and so may itself be repeated."""
        job: Job = self.hook.insist(self.hook.repeat_job, resource)
        return job

    def _told(self, job: Job, attempt: Submit) -> Job:
        self.log.info("Run %s is waited for; it is %s; page: %s", job.name, job.state, job.url)
        return job

    def _active_jobs(self, *, within: float) -> list[str]:
        # The run bears no mark of this task, which knows it by its id.
        if not self._identity:
            return []
        look = self.hook.look(self.job_name)
        return [self.job_name] if isinstance(look, Job) and look.status is JobStatus.ACTIVE else []


class GetKFPRunOperator(OneKFPRunOperator, GetJobOperator):
    """Returns a run, in the words of the API's generation, without the pipeline that came with it."""


class TerminateKFPRunOperator(OneKFPRunOperator, CancelJobOperator):
    """Asks for a run to end; what it has started may take its time."""


class ArchiveKFPRunOperator(OneKFPRunOperator):
    """Puts a run into the archive; one that is at work goes on."""

    def execute(self, context: Context) -> None:
        """Archive the run."""
        self.hook.insist(self.hook.archive_run, self.job_name)
        self.show_page(context, self.hook.page_url(self.job_name))
        self.log.info("Archived run %s", self.job_name)


class UnarchiveKFPRunOperator(OneKFPRunOperator):
    """Takes a run out of the archive."""

    def execute(self, context: Context) -> None:
        """Take the run out."""
        self.hook.insist(self.hook.unarchive_run, self.job_name)
        self.show_page(context, self.hook.page_url(self.job_name))
        self.log.info("Took run %s out of the archive", self.job_name)


class DeleteKFPRunOperator(OneKFPRunOperator, DeleteJobOperator):
    """Deletes a run; one that is at work is killed."""

    operator_extra_links = ()


class ListKFPRunOperator(KFPOperator, ListJobsOperator):
    """Returns a list of runs, each without the pipeline that came with it.

    A ``filter`` is JSON, such as
    ``{"predicates": [{"key": "status", "operation": "EQUALS", "string_value": "Failed"}]}``.

    :param sort_by: such as ``created_at desc``.
    :param experiment_id: only the runs of this experiment.
    """

    hook_class = KFPRunTrigger.hook_class
    operator_extra_links = (KFPRunListLink(),)
    template_fields: Sequence[str] = (
        *KFPOperator.template_fields,
        *ListJobsOperator.template_fields,
        "sort_by",
        "experiment_id",
    )

    def __init__(
        self, *, sort_by: str | None = None, experiment_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.sort_by = sort_by
        self.experiment_id = experiment_id

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return super().list_params() | {"sort_by": self.sort_by, "experiment_id": self.experiment_id}
