"""Wait for a job that something else started, whichever service runs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_mljobs.jobs import (
    Failure,
    FailureKind,
    Finish,
    GiveUp,
    Job,
    JobStatus,
    Poller,
    Teller,
    Verdict,
    Wait,
)
from airflow_mljobs.jobs.job import format_duration
from airflow_mljobs.operators.advice import AFTER_A_WATCH
from airflow_mljobs.operators.job import check_seconds
from airflow_mljobs.operators.small import OneJobOperator
from airflow_mljobs.operators.wait import BACKSTOP, WaitingJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

SECOND_LOOK = 5.0
"""The longest first pause, in seconds, between looks that one poke of reschedule mode makes."""


class JobSensor(BaseSensorOperator, WaitingJobOperator, OneJobOperator):
    """Waits until a job has ended, and returns it as a Run operator does; the job is never touched.

    A job that failed or was cancelled fails the task, as does one that the service denies knowing on two
    looks: what starts the job comes before its sensor. With ``soft_fail`` the task is skipped instead, as it
    is at its ``timeout``.

    In reschedule mode each poke is a process of its own, which knows nothing of the poke before. To be out
    of reach counts there as not to have ended yet; a job that is not found is looked at again within the
    same poke, after seconds, and one that may not be looked at for up to five minutes.

    :param poll_failure_tolerance: seconds for which the service may be out of reach before the task
        fails; in reschedule mode 0 means not at all, and anything else for as long as ``timeout`` lasts.
    """

    template_fields: Sequence[str] = ()
    after_the_end = AFTER_A_WATCH

    def __init__(self, *, poll_failure_tolerance: float = 3600.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_seconds("poke_interval", self.poke_interval, minimum="greater than 0")
        check_seconds("poll_failure_tolerance", poll_failure_tolerance, minimum="at least 0")
        self.poll_failure_tolerance = poll_failure_tolerance
        self._poller: Poller | None = None
        self._teller = Teller()

    def execute(self, context: Context) -> Any:
        """Wait for the job, and return it."""
        name = self.job_name
        self.show_page(context, self.hook.page_url(name))
        # As Airflow counts a sensor's time: from the start of the try, through all that it is rescheduled.
        before = context["ti"].get_first_reschedule_date(context)
        deadline = (before.timestamp() if before else time.time()) + self.timeout
        if self.deferrable:
            self.defer(
                trigger=self.trigger_class(
                    job_name=name,
                    hook_params=self.hook_params,
                    poll_interval=self.poke_interval,
                    deadline=deadline,
                    cancel_on_kill=False,
                    poll_failure_tolerance=self.poll_failure_tolerance,
                ),
                method_name="execute_complete",
                timeout=timedelta(seconds=max(0.0, deadline - time.time())) + BACKSTOP,
            )
        self._poller = self._make_poller(deadline=deadline)
        return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the job, and say whether it has succeeded.

        :raises JobFailed: with the service's reason.
        :raises JobCancelled: when the service says so.
        :raises AirflowSensorTimeout: when the time is up; Airflow does not retry such a task.
        :raises AirflowSkipException: instead of these, when the sensor fails softly.
        """
        try:
            match self._decide():
                case Finish(job=job):
                    return PokeReturnValue(is_done=True, xcom_value=self._finish(context, job))
                case GiveUp(verdict=verdict, message=message):
                    raise self._given_up(self.job_name, verdict, message)
                case _:
                    return PokeReturnValue(is_done=False)
        except AirflowException as error:
            self._skip_when_soft(error)
            raise

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger, and end as a poke does."""
        try:
            # Past Airflow's own sensors, which skip such a task without the reason.
            return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)
        except AirflowException as error:
            self._skip_when_soft(error)
            raise

    def on_kill(self) -> None:
        """Say that nothing becomes of the job."""
        name = self._job.name if self._job else self.job
        page = f"; page: {self._job.url}" if self._job and self._job.url else ""
        self.log.info("Task killed; job %s %s%s", name, self._fate, page)

    def _make_poller(self, *, deadline: float | None = None) -> Poller:
        return Poller(
            poll_interval=min(self.poke_interval, SECOND_LOOK) if self.reschedule else self.poke_interval,
            failure_tolerance=self.poll_failure_tolerance,
            deadline=deadline,
        )

    def _decide(self) -> Finish | Wait | GiveUp:
        name = self.job_name
        look: Job | Failure
        decision: Finish | Wait | GiveUp
        poller = self._poller = self._poller or self._make_poller()
        while True:
            look, decision = self.hook.look_and_decide(
                name, poller=poller, teller=self._teller, logger=self.log
            )
            self._job = self._teller.job
            if not isinstance(decision, Wait) or not self._must_look_again(look):
                return decision
            time.sleep(decision.seconds)

    def _must_look_again(self, look: Job | Failure) -> bool:
        doubtful = {FailureKind.MISSING, FailureKind.DENIED}
        # Within a poke that lasts, the pauses of a service that is out of reach are kept to as everywhere.
        return isinstance(look, Failure) and (not self.reschedule or look.kind in doubtful)

    def _given_up(self, name: str, verdict: Verdict, message: str) -> AirflowException:
        from airflow_mljobs.hooks.outcome import error_for

        if verdict is Verdict.TIMEOUT:
            waited = format_duration(timedelta(seconds=self.timeout))
            return AirflowSensorTimeout(
                f"Stopped waiting for job {name}: the sensor's timeout of {waited} passed. It {self._fate}. "
                "A clear of this task waits again."
            )
        gone = "It was never started, or somebody deleted it."
        fate = gone if verdict is Verdict.NOT_FOUND else f"It {self._fate}."
        page = self._job.url if self._job else None
        again = "A retry or a clear of this task looks again."
        return error_for(name, verdict, message, fate=f"{fate} {again}", page=page)

    @property
    def _fate(self) -> str:
        at_work = self._job is not None and self._job.status is JobStatus.ACTIVE
        return f"{'keeps running' if at_work else 'was left alone'}; this task only watched it"

    def _on_trigger_lost(self, context: Context, *, timed_out: bool) -> None:
        if timed_out:
            raise self._given_up(self.job, Verdict.TIMEOUT, "")
        self.log.error("Airflow gave up the trigger of job %s. It %s.", self.job, self._fate)

    def _skip_when_soft(self, error: AirflowException) -> None:
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error
