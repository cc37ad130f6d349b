"""Run a remote job, whichever service runs it: wait for the one job of the task, and tell how it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, conf

from airflow_mljobs.exceptions import JobError, JobTimeout
from airflow_mljobs.jobs import GiveUp, Job, JobStatus, Poller, Verdict, describe_change
from airflow_mljobs.jobs.identity import JOB_NAME
from airflow_mljobs.operators.job import JobOperator
from airflow_mljobs.operators.kill import CANCEL_WITHIN
from airflow_mljobs.operators.lineage import LineageJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_mljobs.triggers.base import JobTrigger

__all__ = ["JobOperator", "RunJobOperator"]

BACKSTOP = timedelta(minutes=5)
"""How much later than our own deadline Airflow's trigger timeout may strike."""


class RunJobOperator(LineageJobOperator):
    """Runs one job to its end, and exactly one for each generation of the task.

    Returns the job as a dict: ``name``, ``state``, ``status``, ``error``, ``url``, ``created``,
    ``started``, ``ended``, ``progress``; the same whether deferrable or not.

    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``.
    :param wait_for_completion: when off, return as soon as the job is submitted.
    """

    trigger_class: ClassVar[type[JobTrigger]]
    template_fields: Sequence[str] = ()

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        wait_for_completion: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.wait_for_completion = wait_for_completion

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the task's job or submit it, wait for it, and return it."""
        begin = time.time()
        try:
            job = self._obtain(context)
        except AirflowTaskTimeout as error:
            fates = [self._cancel(name) for name in self._our_jobs(within=CANCEL_WITHIN)]
            fate = " ".join(fates) or "No job of it was found."
            raise JobTimeout(
                f"The task's deadline passed before it could wait for its job. {fate}"
            ) from error
        context["ti"].xcom_push(key=JOB_NAME, value=job.name)
        self.show_page(context, job.url)
        self.on_submitted(job)
        if not self.wait_for_completion:
            return self._report(context, job)
        if job.status is not JobStatus.ACTIVE:
            return self._finish(context, self._insist(self.hook.get_job, job.name))
        deadline = begin + self.execution_timeout.total_seconds() if self.execution_timeout else None
        if self.deferrable:
            self.defer(
                trigger=self.trigger_class(
                    job_name=job.name,
                    hook_params=self.hook_params,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                    cancel_on_kill=self.cancel_on_kill,
                    poll_failure_tolerance=self.poll_failure_tolerance,
                ),
                method_name="execute_complete",
                timeout=self.execution_timeout + BACKSTOP if self.execution_timeout else None,
            )
        poller = Poller(poll_interval=self.poll_interval, failure_tolerance=self.poll_failure_tolerance)
        try:
            end = self.hook.wait_for_job(job.name, poller=poller, logger=self.log)
        except AirflowTaskTimeout as error:
            raise self._given_up(job.name, Verdict.TIMEOUT, "the task's deadline passed") from error
        if isinstance(end, GiveUp):
            raise self._given_up(job.name, end.verdict, end.message)
        return self._finish(context, end.job)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Finish as `execute` does, with what the trigger saw."""
        job = Job.from_dict(event["job"]) if event["job"] else None
        if job:
            self._job = job
            self.show_page(context, job.url)
        if error := event["error"]:
            raise self._given_up(error["job_name"], Verdict(error["verdict"]), error["message"])
        if job is None:
            raise JobError(f"The trigger's event holds neither a job nor an error: {event!r}")
        # To make the hook takes seconds, and a job that tells how it ended does not need it.
        if job.status is JobStatus.FAILED and job.error is None:
            job = self.hook.complete(job)
        # The trigger logged this too, but its log may stay with a triggerer that is gone by now.
        self.log.info(describe_change(None, job))
        return self._finish(context, job)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger; when Airflow gave it up, tell of the job, and end it in time.

        When a trigger broke or timed out, Airflow resumes the task only to fail it: nobody else is told.
        """
        # The words are Airflow's own, of `airflow.sdk.bases.operator`, where they are marked as internal.
        ti = context["ti"]
        if next_method == "__fail__" and (
            name := ti.xcom_pull(key=JOB_NAME, task_ids=ti.task_id, map_indexes=ti.map_index)
        ):
            timed_out = (next_kwargs or {}).get("error") == "Trigger timeout"
            fate = self._cancel(name) if timed_out else "It was left running; a retry attaches to it."
            self.log.error("Airflow gave up the trigger of job %s. %s", name, fate)
        return super().resume_execution(next_method, next_kwargs, context)

    def on_submitted(self, job: Job) -> None:
        """Do what the service wants done once there is a job; by default nothing."""

    def _finish(self, context: Context, job: Job) -> dict[str, Any]:
        from airflow_mljobs.hooks.outcome import raise_unless_succeeded

        self._job = job
        return self._report(context, raise_unless_succeeded(job))

    def _report(self, context: Context, job: Job) -> dict[str, Any]:
        self._tell_assets(context, job)
        return job.to_dict()

    def _given_up(self, name: str, verdict: Verdict, message: str) -> JobError:
        from airflow_mljobs.hooks.outcome import error_for

        fates = {
            Verdict.NOT_FOUND: "Somebody deleted it; a retry submits it anew.",
            Verdict.UNREACHABLE: "It was left running; a retry of this task attaches to it.",
            Verdict.ERROR: "It was left as it is; a retry of this task attaches to it.",
        }
        fate = self._cancel(name) if verdict is Verdict.TIMEOUT else fates[verdict]
        return error_for(name, verdict, message, fate=fate)
