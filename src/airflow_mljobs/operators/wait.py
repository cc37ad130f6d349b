"""Wait for a job in the triggerer, and tell how it ended."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_mljobs.exceptions import JobError
from airflow_mljobs.jobs import Job, JobStatus, Verdict, describe_change
from airflow_mljobs.operators.job import JobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import AirflowException, Context

    from airflow_mljobs.triggers.base import JobTrigger

BACKSTOP = timedelta(minutes=5)
"""How much later than our own deadline Airflow's trigger timeout may strike."""


class WaitingJobOperator(JobOperator):
    """Waits for the end of a job; a subclass says which, and what becomes of it when the waiting ends early.

    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``.
    """

    trigger_class: ClassVar[type[JobTrigger]]

    after_the_end: ClassVar[str]
    """What to do when the job has ended without success."""

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable

    @abstractmethod
    def _given_up(self, name: str, verdict: Verdict, message: str) -> AirflowException:
        """Do with the job what is to be done when the waiting ends early, and make the exception for it."""

    @abstractmethod
    def _on_trigger_lost(self, context: Context, *, timed_out: bool) -> None:
        """Do with the job what is to be done when Airflow has given up its trigger, and tell of it."""

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Finish as `execute` does, with what the trigger saw."""
        job = Job.from_dict(event["job"]) if event["job"] else None
        if job:
            self._job = job
            self.show_page(context, job.url)
        if error := event["error"]:
            raise self._given_up(error["job_name"], Verdict(error["verdict"]), error["message"])
        if job is None:
            raise JobError(
                f"The trigger's event holds neither a job nor an error: {event!r}. Its job was left alone. "
                "A retry of this task looks at it again"
            )
        # To make the hook takes seconds, and a job that tells how it ended does not need it.
        if job.status is JobStatus.FAILED and job.error is None:
            job = self.hook.complete(job)
        # The trigger logged this too, but its log may stay with a triggerer that is gone by now.
        self.log.info(describe_change(None, job))
        return self._finish(context, job)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger, also when Airflow gave it up.

        When a trigger broke or timed out, Airflow resumes the task only to fail it: nobody else is told.
        """
        # The words are Airflow's own, of `airflow.sdk.bases.operator`, where they are marked as internal.
        if next_method == "__fail__":
            timed_out = (next_kwargs or {}).get("error") == "Trigger timeout"
            self._on_trigger_lost(context, timed_out=timed_out)
        return super().resume_execution(next_method, next_kwargs, context)

    def _finish(self, context: Context, job: Job) -> dict[str, Any]:
        from airflow_mljobs.hooks.outcome import raise_unless_succeeded

        self._job = job
        return raise_unless_succeeded(job, advice=self.after_the_end).to_dict()
