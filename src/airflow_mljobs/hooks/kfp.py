"""Hook for runs of Kubeflow Pipelines.

https://www.kubeflow.org/docs/components/pipelines/concepts/run/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow_mljobs import connection_form
from airflow_mljobs.hooks.kfp_builder import (
    RunRequest,
    body_v1,
    body_v2,
    check_request,
    name_mark,
    run_id_for,
)
from airflow_mljobs.hooks.kfp_errors import KFPServerError, KFPUnreachable
from airflow_mljobs.hooks.kfp_resources import (
    ENDED_BADLY,
    STALE_FOR,
    STATES,
    STOPPING,
    error_of,
    id_of,
    is_stale,
    progress_of,
    run_of,
    started,
    state_of,
    time_of,
    was_stopped,
    without_source,
)
from airflow_mljobs.hooks.kfp_search import KFPSearchHook
from airflow_mljobs.jobs import FailureKind, Job, JobStatus, TaskIdentity

LATE = 60.0
"""Seconds for which a run may stay unseen whose creation was not answered."""


class KFPRunHook(KFPSearchHook):
    """Finds, watches, ends and repeats runs; a run's id is its name as a `Job`.

    Beside these it has the service's own operations, with its own types.
    """

    states = STATES
    cancelling = STOPPING
    cancels_by = "terminate"

    def __init__(self, kfp_conn_id: str = "kfp_default", namespace: str | None = None) -> None:
        super().__init__(kfp_conn_id=kfp_conn_id, namespace=namespace)
        self._stopped: set[str] = set()
        self._repeated: dict[str, tuple[datetime | None, datetime]] = {}

    # Airflow 3.1 looks for these two in the class itself that the metadata names; 3.2 and newer read those.
    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's fields."""
        return connection_form.widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return which of Airflow's own fields the form shows, and how."""
        return connection_form.behaviour_in_python()

    def get_job(self, name: str) -> Job:
        """Look at one run."""
        return self.as_job(self.get_run(name))

    def build_run(self, **fields: Any) -> RunRequest:
        """Make a request, checked as far as can be without the server.

        :param fields: of `RunRequest`, with ``pipeline_file`` in place of its ``package``.
        :raises InvalidJobSpec: naming the field, the value and the rule.
        """
        return check_request(**fields)

    def submit_run(self, request: RunRequest, *, identity: TaskIdentity | None, attempt: int) -> Job:
        """Create a run, once.

        :param request: from `build_run`.
        :param identity: whom it must be recognisable as belonging to; nobody, when none.
        :param attempt: which of the task's runs it is.
        :raises InvalidJobSpec: when there is no such pipeline or experiment in the namespace.
        """
        request = self._resolved(request)
        if identity is None:
            return self.as_job(self.create_run(body_v1(request) if self.is_v1 else body_v2(request)))
        run_id = run_id_for(identity, epoch=identity.epoch, attempt=attempt)
        if self.is_v1:
            marked = replace(request, name=request.name + name_mark(identity, attempt=attempt))
            return self.as_job(self.create_run(body_v1(marked) | {"id": run_id}))
        return self.as_job(self.create_run(body_v2(request) | {"run_id": run_id}))

    def _resolved(self, request: RunRequest) -> RunRequest:
        news: dict[str, Any] = {}
        if request.pipeline_name:
            news["pipeline_id"] = self.find_pipeline(request.pipeline_name)
        if request.experiment:
            news["experiment_id"] = self.find_experiment(request.experiment)
        elif request.experiment_id:
            self.check_experiment(request.experiment_id)
        pipeline_id = news.get("pipeline_id") or request.pipeline_id
        if pipeline_id and not request.pipeline_version_id:
            news["pipeline_version_id"] = self.newest_version(pipeline_id)
        return replace(request, **news)

    def cancel_job(self, name: str) -> None:
        """Ask for a run to end; one that has ended, or is gone, is fine."""
        with _missing_is_fine():
            try:
                self.terminate_run(name)
            except KFPServerError as error:
                if error.status != 400:
                    raise
                # The server says the same of a run that has ended, of one that is ending and of none.
                job = self.get_job(name)
                if job.status is JobStatus.ACTIVE and job.state not in STOPPING:
                    raise
                return
            self._stopped.add(name)

    def delete_job(self, name: str) -> None:
        """Delete a run; one that is gone is fine."""
        with _missing_is_fine():
            self.delete_run(name)

    def repeat_job(self, name: str) -> Job:
        """Run the failed steps of a run again; one that is at work, or has succeeded, is left as it is."""
        before = self.get_job(name)
        if before.status in {JobStatus.ACTIVE, JobStatus.SUCCEEDED}:
            return before
        self.retry_run(name)
        self._stopped.discard(name)
        self._repeated[name] = (before.ended, datetime.now(UTC))
        return self.get_job(name)

    def failure_kind(self, error: BaseException) -> FailureKind:
        """Say what an error means."""
        if isinstance(error, KFPServerError | KFPUnreachable):
            return error.kind
        return FailureKind.UNAVAILABLE if isinstance(error, ConnectionError) else FailureKind.OTHER

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds in the ``Retry-After`` of an answer."""
        return error.retry_after if isinstance(error, KFPServerError) else None

    def unseen_for(self, error: BaseException) -> float:
        """Return how long a run may stay unseen whose creation met this error."""
        if isinstance(error, KFPUnreachable):
            return LATE if error.sent else 0.0
        said_no = isinstance(error, KFPServerError) and (error.by_server or error.status in {429, 503})
        return 0.0 if said_no else LATE

    def as_job(self, answer: dict[str, Any]) -> Job:
        """Read a run of either generation."""
        run = run_of(answer)
        name, state = id_of(answer), state_of(run)
        status = self.status_of(state)
        if state in STOPPING:
            self._stopped.add(name)
        ended = time_of(run, "finished_at")
        if status in ENDED_BADLY and self._is_of_before(name, run, ended):
            status, ended = JobStatus.ACTIVE, None
        if status is JobStatus.FAILED and (name in self._stopped or was_stopped(answer)):
            # The servers never write another state for a run that was told to end.
            status = JobStatus.CANCELLED
        return Job(
            name=name,
            state=state,
            status=status,
            error=error_of(answer) if status in ENDED_BADLY else None,
            url=self.page_url(name),
            created=time_of(run, "created_at"),
            started=started(answer),
            ended=ended if status is not JobStatus.ACTIVE else None,
            progress=progress_of(answer),
        )

    def _is_of_before(self, name: str, run: Any, ended: datetime | None) -> bool:
        now = datetime.now(UTC)
        if is_stale(run, now=now):
            return True
        before, repeated = self._repeated.get(name, (None, None))
        return bool(repeated and ended == before and now - repeated < STALE_FOR)

    def page_url(self, name: str) -> str:
        """Return the address of a run's page: of full Kubeflow's, below its dashboard."""
        return f"{self._pages()}#/runs/details/{name}"

    def command_for(self, name: str) -> str:
        """Return a command that shows a run."""
        return f"kfp --endpoint {self.settings.host} run get {name}"

    def list_url(self) -> str:
        """Return the address of the list of runs."""
        return f"{self._pages()}#/runs"

    def _pages(self) -> str:
        base = self.settings.ui_url or self.settings.host
        if not base.endswith("/pipeline"):
            return f"{base}/"
        namespace = f"?ns={self.namespace}" if self.namespace else ""
        return f"{base.removesuffix('/pipeline').removesuffix('/_')}/_/pipeline/{namespace}"

    def as_dict(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return a run without the pipeline that came with it."""
        return without_source(answer)


@contextmanager
def _missing_is_fine() -> Iterator[None]:
    try:
        yield
    except KFPServerError as error:
        if error.kind is not FailureKind.MISSING:
            raise
