"""One job for each generation of a task: find it, or submit it."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from airflow.providers.common.compat.sdk import AirflowException

from airflow_mljobs.exceptions import InvalidJobSpec, JobError
from airflow_mljobs.jobs import (
    Attach,
    Attempt,
    FailureKind,
    Job,
    Poller,
    Submit,
    TakeResult,
    TaskIdentity,
    adopt,
)
from airflow_mljobs.jobs.job import format_duration
from airflow_mljobs.jobs.polling import DENIED_TOLERANCE
from airflow_mljobs.operators.advice import after_refusal
from airflow_mljobs.operators.bodies import BodyOperator
from airflow_mljobs.operators.job import check_seconds
from airflow_mljobs.operators.kill import KillableJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

MOST_PAUSE = 60.0
"""The longest pause, in seconds, between two submits that meet silence."""

UNANSWERED = frozenset({FailureKind.UNAVAILABLE, FailureKind.QUOTA, FailureKind.EXISTS})
"""What a submit may meet that leaves open whether there is a job of the task, or may be one later."""

T = TypeVar("T")

ENDING = timedelta(minutes=10)
"""How long a new attempt waits for the end of one that is being cancelled."""


class SubmitJobOperator(BodyOperator, KillableJobOperator):
    """Has at most one job at a time, recognisable as its own, whatever crashes.

    :param poll_interval: seconds between two looks at the job.
    :param durable: find the job of an earlier try before submitting one. When off, every try submits.
    :param poll_failure_tolerance: seconds for which the service may be out of reach before the task
        fails; a job that is at work is left running then, and a retry attaches to it.
    """

    id_field: ClassVar[str] = "job_id"
    """The parameter by which a user may choose the job's id."""

    def __init__(
        self,
        *,
        poll_interval: float = 30.0,
        durable: bool = True,
        poll_failure_tolerance: float = 3600.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_seconds("poll_interval", poll_interval, minimum="greater than 0")
        check_seconds("poll_failure_tolerance", poll_failure_tolerance, minimum="at least 0")
        self.poll_failure_tolerance = poll_failure_tolerance
        self.poll_interval = poll_interval
        self.durable = durable
        self._denied_within = 0.0

    @abstractmethod
    def build(self) -> Any:
        """Make the resource to submit, checked as far as can be without the service."""

    @abstractmethod
    def submit(self, resource: Any, *, identity: TaskIdentity | None, attempt: Submit) -> Job:
        """Create the job, once.

        :param resource: what `build` returned.
        :param identity: whom the job must be recognisable as belonging to; nobody, when not durable.
        :param attempt: which of the task's jobs it is.
        """

    @staticmethod
    def _identify(context: Context) -> TaskIdentity:
        ti = context["ti"]
        return TaskIdentity(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            epoch=ti.max_tries or 0,
        )

    def _obtain(self, context: Context) -> Job:
        # A first try refuses bad input before it asks anything. A later one first looks for its job, which
        # is at work perhaps while the template that it came from is gone.
        is_first = (context["ti"].try_number or 1) <= 1
        resource = self.build() if is_first else None
        if not self.durable:
            only = Submit(number=1, first=True)
            resource = resource or self.build()
            self._refuse_when_killed()
            try:
                self._sent = True
                job = self.submit(resource, identity=None, attempt=only)
            except Exception as error:
                self._refuse(error)
            return self._take(self._told(job, only))
        self._identity = identity = self._identify(context)
        # A first try that may not ask has no job that it could lose, and a user who wants to know.
        self._denied_within = 0.0 if is_first else DENIED_TOLERANCE
        unanswered: Exception | None = None
        submit: Submit | None = None
        pause, give_up = 1.0, time.monotonic() + self.poll_failure_tolerance
        while True:
            match self._look_for_ours(identity, sent=submit, error=unanswered):
                case Attach(job=job):
                    self.log.info(
                        "Attached to job %s, which this task submitted before; it is %s; page: %s",
                        job.name,
                        job.state,
                        job.url,
                    )
                    return self._take(job)
                case TakeResult(job=job):
                    self.log.info(
                        "Job %s of this task has succeeded already; its result is taken, no job submitted",
                        job.name,
                    )
                    return self._take(job)
                case decision:
                    if unanswered and self._is_taken(unanswered) and decision == submit:
                        raise self._id_taken(unanswered) from unanswered
                    submit = decision
            self._make_way(submit)
            resource = resource or self.build()
            self._refuse_when_killed()
            try:
                job = self.submit(resource, identity=identity, attempt=submit)
            except Exception as error:
                unanswered = self._raise_unless_unanswered(error)
            else:
                return self._take(self._told(job, submit))
            pause = min(2 * pause, MOST_PAUSE)
            if time.monotonic() + pause > give_up:
                lasted = format_duration(timedelta(seconds=self.poll_failure_tolerance))
                raise JobError(
                    f"No submit succeeded for {lasted}, and no job was found; last: {unanswered}. "
                    "A retry looks once more before it submits"
                ) from unanswered
            time.sleep(pause)

    def _id_taken(self, error: Exception) -> InvalidJobSpec:
        return InvalidJobSpec(
            field=self.id_field,
            value=getattr(self, self.id_field, None),
            rule=f"must be free, but another task or run has a job of this id ({error}); "
            "a template such as {{ run_id }} in it makes it one of its own",
        )

    def _insist(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        answer: T = self.hook.insist(
            call,
            *args,
            within=self.poll_failure_tolerance,
            denied_within=self._denied_within,
            **kwargs,
        )
        return answer

    def _look_for_ours(
        self, identity: TaskIdentity, *, sent: Submit | None, error: Exception | None
    ) -> Attach | TakeResult | Submit:
        late = time.monotonic() + (self.hook.unseen_for(error) if error else 0.0)
        hidden = self._behind_taken_id(identity, sent) if sent and error and self._is_taken(error) else []
        while True:
            try:
                found = self._insist(self.hook.find_jobs, identity, parent=self.parent)
            except Exception as failure:
                self.log.error(
                    "Could not ask for jobs of this task (%s), and submitted none; one of an earlier try may "
                    "be running, and a retry finds it once the service answers",
                    failure,
                )
                raise
            decision = adopt([*found, *hidden], epoch=identity.epoch, cancelling=self.hook.cancelling)
            if not isinstance(decision, Submit) or time.monotonic() >= late:
                return decision
            time.sleep(2.0)

    def _behind_taken_id(self, identity: TaskIdentity, sent: Submit) -> list[Attempt]:
        # An id made for this task is taken by its own job, though labels that somebody replaced, or a list
        # that lags, did not lead to it.
        if getattr(self, self.id_field, None) or not (
            job_id := self.hook.job_id_of(identity, attempt=sent.number)
        ):
            return []
        job = self.hook.look(self.full_name(job_id))
        return [Attempt(job=job, epoch=identity.epoch, number=sent.number)] if isinstance(job, Job) else []

    def _is_taken(self, error: Exception) -> bool:
        kind: FailureKind = self.hook.failure_kind(error)
        return kind is FailureKind.EXISTS

    def _make_way(self, submit: Submit) -> None:
        for job in submit.superseded:
            if self.cancel_on_kill:
                self._insist(self.hook.cancel_job, job.name)
                verb = self.hook.cancels_by
                self.log.info(
                    "This task was cleared: asked the service to %s job %s of before", verb, job.name
                )
            else:
                self.log.info(
                    "This task was cleared; job %s of before keeps running, as cancel_on_kill is off",
                    job.name,
                )
        for job in submit.ending:
            self.log.info("Job %s of this task is being cancelled; its end is awaited first", job.name)
            poller = Poller(
                poll_interval=min(self.poll_interval, 5.0), deadline=time.time() + ENDING.total_seconds()
            )
            self.hook.wait_for_job(job.name, poller=poller, logger=self.log)

    def _told(self, job: Job, attempt: Submit) -> Job:
        self.log.info(
            "Submitted job %s, attempt %d; page: %s; to look at it: %s",
            job.name,
            attempt.number,
            job.url,
            self.hook.command_for(job.name),
        )
        return job

    def _refuse(self, error: Exception) -> NoReturn:
        if isinstance(error, AirflowException):  # ours, which says all that there is to say
            raise error
        kind = self.hook.failure_kind(error)
        if kind is FailureKind.INVALID:
            words = getattr(error, "message", None) or str(error)
            rule = f"the service says: {words}; no job was submitted"
            raise InvalidJobSpec(field="job", value=self.task_id, rule=rule) from error
        # Beside the error, whose class and words are the client's, and stay so.
        if kind is FailureKind.UNAVAILABLE:
            self.log.error(
                "The submit met %s. It may have made a job: as durable is off, no retry looks for it, so do",
                error,
            )
        else:
            self.log.error("The submit was refused, and made no job: %s. %s", error, after_refusal(kind))
        raise error

    def _raise_unless_unanswered(self, error: Exception) -> Exception:
        if self.hook.failure_kind(error) not in UNANSWERED:
            self._refuse(error)
        self.log.warning(
            "The submit met %s; looking whether there is a job of this task, before another is sent", error
        )
        return error
