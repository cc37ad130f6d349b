"""The ten operations of the service on runs, with its own types.

https://www.kubeflow.org/docs/components/pipelines/reference/api/kubeflow-pipeline-api-spec/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import redact

from airflow_mljobs.hooks.kfp_access import complaint, finding
from airflow_mljobs.hooks.kfp_catalog import KFPCatalogHook
from airflow_mljobs.hooks.kfp_errors import KFPRunRefused, KFPServerError
from airflow_mljobs.hooks.kfp_resources import is_argo

if TYPE_CHECKING:
    from airflow_mljobs.hooks.kfp_filters import Predicates

ABOUT_ACCESS = frozenset({401, 429, 503})
GONE = frozenset({404, 501})


class KFPRunsHook(KFPCatalogHook):
    """Has one method for each of the service's.

    Answers are what the server sends, as dicts; a body is a dict, or a model of the installed
    ``kfp_server_api``. Errors are `KFPServerError`, which is an ``ApiException``, and `KFPUnreachable`.
    """

    def archive_run(self, run_id: str) -> None:
        """Put a run into the archive; one that is at work goes on."""
        self.api.call("archive_run", run_id)

    def create_run(self, run: Any) -> dict[str, Any]:
        """Create a run, which starts at once.

        :param run: an ``ApiRun`` (v1beta1) or a ``V2beta1Run``; servers since 2.0 keep an id that is in it.
        :raises KFPRunRefused: when the server met an error of its own over it, and kept no run.
        """
        try:
            return self.api.call("create_run", body=run)
        except KFPServerError as error:
            if error.status == 500 and error.by_server:
                raise KFPRunRefused(status=500, message=error.message, code=error.code) from error
            raise

    def delete_run(self, run_id: str) -> None:
        """Delete a run; one that is at work is killed."""
        self.api.call("delete_run", run_id)

    def get_run(self, run_id: str) -> dict[str, Any]:
        """Get a run: a ``V2beta1Run``, or of v1beta1 an ``ApiRunDetail``."""
        return self.api.call("get_run", run_id)

    def list_runs(
        self,
        *,
        namespace: str | None = None,
        experiment_id: str | None = None,
        filter: str | Predicates | None = None,
        sort_by: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> dict[str, Any]:
        """List runs, one page of at most 200.

        :param namespace: default the hook's.
        :param experiment_id: only the runs of this experiment.
        :param filter: predicates that must all hold, also as the JSON text ``{"predicates": […]}``.
            https://github.com/kubeflow/pipelines/blob/master/backend/api/v2beta1/filter.proto
        :param sort_by: such as ``created_at desc``.
        :param page_size: runs in a page; the server's default is 20.
        :param page_token: ``next_page_token`` of the page before.
        """
        within = self.within(namespace or self.namespace)
        if experiment_id and self.is_v1:
            within = self.owned_by("EXPERIMENT", experiment_id)
        elif experiment_id:
            within["experiment_id"] = experiment_id
        return self.page(
            "list_runs",
            within=within,
            filter=filter,
            sort_by=sort_by,
            page_size=page_size,
            page_token=page_token,
        )

    def iterate_runs(self, *, page_token: str | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield runs over pages, which are asked for as one goes on.

        :param page_token: where to begin.
        :param params: the others of `list_runs`.
        """
        while True:
            page = self.list_runs(page_token=page_token, **params)
            yield from self.items(page)
            page_token = page.get("next_page_token")
            if not page_token:
                return

    def read_artifact(self, run_id: str, *, node_id: str, artifact_name: str) -> dict[str, Any]:
        """Read an artifact of a run of an Argo workflow; ``data`` is its content in base64.

        :param run_id: the run.
        :param node_id: the workflow's node, or its pod.
        :param artifact_name: such as ``main-logs``.
        :raises KFPNotSupported: when the run is none of an Argo workflow.
        """
        try:
            return self.api.call("read_artifact", run_id, node_id, artifact_name)
        except KFPServerError as error:
            if error.status in ABOUT_ACCESS or is_argo(self.get_run(run_id)):
                raise
            raise self.api.not_supported(
                f"Artifacts of run {run_id} cannot be read through the API ({error}).",
                "Only runs of Argo workflows, which the API v1beta1 creates, keep artifacts there; a run of "
                "a pipeline compiled by kfp 2 keeps them below its pipeline_root.",
            ) from error

    def report_run_metrics(self, run_id: str, metrics: Any) -> dict[str, Any]:
        """Report metrics; they are shown in v1beta1 only, as ``run.metrics``.

        :param run_id: the run.
        :param metrics: ``{"metrics": [{"name": …, "node_id": …, "number_value": …}]}``.
        :return: ``results``, one for each metric, with a ``status`` each: also a refusal is in there.
        :raises KFPNotSupported: when the server takes no metrics.
        """
        try:
            return self.api.call("report_run_metrics", run_id, body=metrics)
        except KFPServerError as error:
            if error.status not in GONE:
                raise
            self.get_run(run_id)  # where it is the run that is not there, this says so
            raise self.api.not_supported(
                f"Metrics of run {run_id} cannot be reported ({error}).",
                "The API v2beta1 has no metrics: only servers that also serve v1beta1 take them.",
            ) from error

    def retry_run(self, run_id: str) -> None:
        """Run the failed steps of a run again, in the same run."""
        self.api.call("retry_run", run_id)

    def terminate_run(self, run_id: str) -> None:
        """Ask for a run to end; it comes to be failed."""
        self.api.call("terminate_run", run_id)

    def unarchive_run(self, run_id: str) -> None:
        """Take a run out of the archive."""
        self.api.call("unarchive_run", run_id)

    def test_connection(self) -> tuple[bool, str]:
        """Say whether runs may be listed, or what is wrong and what to do.

        The server's health would say nothing of whether one is let in. Nothing is changed, and a server that
        is silent is given up soon.
        """
        namespace = self._namespace
        with closing(type(self)(self.kfp_conn_id, namespace)) as hook:
            try:
                hook.settings = hook.settings.in_haste
                namespace = hook.namespace
                hook.list_runs(page_size=1)
                text, well = finding(hook), True
            except Exception as error:
                text, well = complaint(error, namespace=namespace), False
        return well, str(redact(text))
