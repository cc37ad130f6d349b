"""Run a remote job, whichever service runs it: find or submit it, wait, and tell how it ended."""

from __future__ import annotations

import pkgutil
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, BaseOperator, conf

from airflow_mljobs.exceptions import InvalidJobSpec, JobError
from airflow_mljobs.jobs import (
    Attach,
    FailureKind,
    GiveUp,
    Job,
    JobStatus,
    Poller,
    Submit,
    TakeResult,
    TaskIdentity,
    Verdict,
    adopt,
    describe_change,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_mljobs.triggers.base import JobTrigger

SUBMITS = 4
"""How often a submit may meet silence before the task fails; each time it is looked for first."""

BACKSTOP = timedelta(minutes=5)
"""How much later than our own deadline Airflow's trigger timeout may strike."""


class JobOperator(BaseOperator):
    """Anything that a task does to jobs of one service; a subclass says which hook, and its arguments."""

    hook_class: ClassVar[str]

    @property
    @abstractmethod
    def hook_params(self) -> dict[str, Any]:
        """Arguments of the hook, plain JSON and without secrets."""

    @cached_property
    def hook(self) -> Any:
        """The service's hook; its client is imported here, not when the DAG is parsed."""
        return pkgutil.resolve_name(self.hook_class)(**self.hook_params)

    def show_page(self, context: Context, page: str | None) -> None:
        """Make the operator's link lead to a page, from now on."""
        self.console_page = page
        for link in self.operator_extra_links:
            context["ti"].xcom_push(key=link.xcom_key, value=page)


class RunJobOperator(JobOperator):
    """Runs one job to its end, and exactly one for each generation of the task.

    Returns the job as a dict: ``name``, ``state``, ``status``, ``error``, ``url``, ``created``,
    ``started``, ``ended``, ``progress``; the same whether deferrable or not.

    :param deferrable: wait in the triggerer; default ``[operators] default_deferrable``.
    :param wait_for_completion: when off, return as soon as the job is submitted.
    :param poll_interval: seconds between two looks at the job.
    :param poll_failure_tolerance: seconds for which the service may be out of reach before the task
        fails; the job is left running then, and a retry attaches to it.
    :param cancel_on_kill: cancel the job when the task is killed, failed or cleared by a user.
    :param durable: find the job of an earlier try before submitting one. When off, every try submits.
    """

    trigger_class: ClassVar[type[JobTrigger]]
    template_fields: Sequence[str] = ()

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        wait_for_completion: bool = True,
        poll_interval: float = 30.0,
        poll_failure_tolerance: float = 3600.0,
        cancel_on_kill: bool = True,
        durable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if poll_interval <= 0:
            raise InvalidJobSpec(field="poll_interval", value=poll_interval, rule="is greater than 0 seconds")
        if poll_failure_tolerance < 0:
            raise InvalidJobSpec(
                field="poll_failure_tolerance", value=poll_failure_tolerance, rule="is at least 0 seconds"
            )
        self.deferrable = deferrable
        self.wait_for_completion = wait_for_completion
        self.poll_interval = poll_interval
        self.poll_failure_tolerance = poll_failure_tolerance
        self.cancel_on_kill = cancel_on_kill
        self.durable = durable
        self._job: Job | None = None
        self._identity: TaskIdentity | None = None

    @property
    @abstractmethod
    def parent(self) -> str:
        """Full name of what the jobs are listed below."""

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

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the task's job or submit it, wait for it, and return it."""
        resource = self.build()
        job = self._job = self._obtain(resource, context)
        self.show_page(context, job.url)
        self.on_submitted(job)
        if not self.wait_for_completion:
            return job.to_dict()
        if job.status is not JobStatus.ACTIVE:
            return self._finish(self.hook.get_job(job.name))
        deadline = time.time() + self.execution_timeout.total_seconds() if self.execution_timeout else None
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
        return self._finish(end.job)

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
        # The trigger logged this too, but its log may stay with a triggerer that is gone by now.
        self.log.info(describe_change(None, job))
        return self._finish(job)

    def on_submitted(self, job: Job) -> None:
        """Do what the service wants done once there is a job; by default nothing."""

    def on_kill(self) -> None:
        """Cancel the job, when asked to, and say what has become of it."""
        if not self.cancel_on_kill:
            name = self._job.name if self._job else "of this task, if there is one,"
            self.log.info("Task killed; job %s keeps running, as cancel_on_kill is off", name)
            return
        for name in self._names_to_cancel():
            self.log.info("Task killed: %s", self._cancel(name))

    def _names_to_cancel(self) -> list[str]:
        if self._job:
            return [self._job.name]
        if not self._identity:
            return []
        # Killed while submitting: whether there is a job is for the service to say.
        found = self.hook.insist(self.hook.find_jobs, self._identity, parent=self.parent, within=10)
        return [a.job.name for a in found if a.job.status is JobStatus.ACTIVE]

    def _cancel(self, name: str) -> str:
        try:
            self.hook.insist(self.hook.cancel_job, name, within=20)
        except Exception as error:  # a failing cancel must not hide why the task ended
            return f"Job {name} could not be cancelled ({type(error).__name__}: {error}); it may still run."
        return f"Asked the service to cancel job {name}."

    def _obtain(self, resource: Any, context: Context) -> Job:
        if not self.durable:
            return self.submit(resource, identity=None, attempt=Submit(number=1, first=True))
        ti = context["ti"]
        self._identity = identity = TaskIdentity(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            epoch=ti.max_tries or 0,
        )
        unanswered: Exception | None = None
        for number in range(SUBMITS):
            if number:
                time.sleep(2**number)
            found = self.hook.insist(self.hook.find_jobs, identity, parent=self.parent)
            match adopt(found, epoch=identity.epoch):
                case Attach(job=job):
                    self.log.info("Attached to job %s, which this task submitted before", job.name)
                    return job
                case TakeResult(job=job):
                    self.log.info("Job %s of this task has succeeded already", job.name)
                    return job
                case attempt:
                    pass
            for job in attempt.superseded:
                self.log.info("This task was cleared; job %s of before is cancelled first", job.name)
                self.hook.insist(self.hook.cancel_job, job.name)
            try:
                job = self.submit(resource, identity=identity, attempt=attempt)
            except Exception as error:
                unanswered = self._raise_unless_unanswered(error)
                continue
            self.log.info("Submitted job %s, attempt %d; page: %s", job.name, attempt.number, job.url)
            return job
        if unanswered and self.hook.failure_kind(unanswered) is FailureKind.EXISTS:
            raise InvalidJobSpec(
                field="job_id", value=self.task_id, rule=f"must be free; {unanswered}"
            ) from unanswered
        raise JobError(f"The service did not answer {SUBMITS} submits; no job was found") from unanswered

    def _raise_unless_unanswered(self, error: Exception) -> Exception:
        kind = self.hook.failure_kind(error)
        if kind is FailureKind.INVALID:
            words = getattr(error, "message", None) or str(error)
            raise InvalidJobSpec(
                field="job", value=self.task_id, rule=f"the service says: {words}"
            ) from error
        if kind not in {FailureKind.UNAVAILABLE, FailureKind.EXISTS}:
            raise error
        self.log.warning("The submit met %s; looking whether there is a job of this task", error)
        return error

    def _finish(self, job: Job) -> dict[str, Any]:
        from airflow_mljobs.hooks.base import raise_unless_succeeded

        return raise_unless_succeeded(job).to_dict()

    def _given_up(self, name: str, verdict: Verdict, message: str) -> JobError:
        from airflow_mljobs.hooks.base import error_for

        fates = {
            Verdict.NOT_FOUND: "Somebody deleted it; a retry submits it anew.",
            Verdict.UNREACHABLE: "It was left running; a retry of this task attaches to it.",
            Verdict.ERROR: "It was left as it is; a retry of this task attaches to it.",
        }
        fate = self._cancel(name) if verdict is Verdict.TIMEOUT else fates[verdict]
        return error_for(name, verdict, message, fate=fate)
