"""Run a remote job, whichever service runs it: wait for the one job of the task, and tell how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_mljobs.exceptions import JobError, JobTimeout
from airflow_mljobs.jobs import GiveUp, Job, JobStatus, Poller, Verdict
from airflow_mljobs.jobs.identity import JOB_NAME
from airflow_mljobs.operators.advice import AFTER_THE_END, NOT_KNOWN, OUT_OF_TIME, when_left
from airflow_mljobs.operators.job import JobOperator
from airflow_mljobs.operators.kill import CANCEL_WITHIN
from airflow_mljobs.operators.lineage import LineageJobOperator
from airflow_mljobs.operators.wait import BACKSTOP, WaitingJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["JobOperator", "RunJobOperator"]


class RunJobOperator(WaitingJobOperator, LineageJobOperator):
    """Runs one job to its end, and exactly one for each generation of the task.

    Returns the job as a dict: ``name``, ``state``, ``status``, ``error``, ``url``, ``created``,
    ``started``, ``ended``, ``progress``; the same whether deferrable or not.

    :param wait_for_completion: when off, return as soon as the job is submitted.
    :param multiple_outputs: make an XCom of each key of the result, beside the one of the whole, so that
        another task can be given ``run.output["name"]``.
    """

    template_fields: Sequence[str] = ()
    after_the_end = AFTER_THE_END

    def __init__(
        self, *, wait_for_completion: bool = True, multiple_outputs: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(multiple_outputs=multiple_outputs, **kwargs)
        self.wait_for_completion = wait_for_completion

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the task's job or submit it, wait for it, and return it."""
        begin = time.time()
        try:
            job = self._obtain(context)
        except AirflowTaskTimeout as error:
            names = self._our_jobs(within=CANCEL_WITHIN)
            fates = [self._cancel(name) for name in names or ()]
            nothing = "No job of it was found." if names is not None else NOT_KNOWN
            fate = " ".join(fates) or nothing
            raise JobTimeout(
                f"The task's deadline passed before it could wait for its job. {fate} {OUT_OF_TIME}"
            ) from error
        context["ti"].xcom_push(key=JOB_NAME, value=job.name)
        self.show_page(context, job.url)
        self.on_submitted(job)
        if not self.wait_for_completion:
            self._tell_assets(context, job)
            return job.to_dict()
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

    def on_submitted(self, job: Job) -> None:
        """Do what the service wants done once there is a job; by default nothing."""

    def _finish(self, context: Context, job: Job) -> dict[str, Any]:
        result = super()._finish(context, job)
        self._tell_assets(context, job)
        return result

    def _on_trigger_lost(self, context: Context, *, timed_out: bool) -> None:
        ti = context["ti"]
        if name := ti.xcom_pull(key=JOB_NAME, task_ids=ti.task_id, map_indexes=ti.map_index):
            fate = self._cancel(name) if timed_out else "It was left running."
            advice = OUT_OF_TIME if timed_out else when_left(Verdict.ERROR, durable=self.durable)
            self.log.error("Airflow gave up the trigger of job %s. %s %s", name, fate, advice)

    def _given_up(self, name: str, verdict: Verdict, message: str) -> JobError:
        from airflow_mljobs.hooks.outcome import FATES, error_for

        if verdict is Verdict.TIMEOUT:
            fate, advice = self._cancel(name), OUT_OF_TIME
        else:
            fate, advice = FATES[verdict], when_left(verdict, durable=self.durable)
        page = self._job.url if self._job else None
        return error_for(name, verdict, message, fate=f"{fate} {advice}", page=page)
