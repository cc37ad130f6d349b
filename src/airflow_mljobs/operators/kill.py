"""What becomes of a task's job when the task is killed on its worker."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import Any

from airflow_mljobs.exceptions import JobError
from airflow_mljobs.jobs import Job, JobStatus, TaskIdentity
from airflow_mljobs.operators.job import JobOperator

KILLED_WITHIN = 4.0
"""Seconds for the cancel of a killed task: Airflow sends SIGTERM, and five seconds later SIGKILL."""

CANCEL_WITHIN = 20.0
"""Seconds for the cancel at a deadline, which nobody cuts short."""


class KillableJobOperator(JobOperator):
    """Cancels the job that it has, or finds, when its task is killed.

    :param cancel_on_kill: cancel the job when the task is killed, failed or cleared by a user.
    """

    def __init__(self, *, cancel_on_kill: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cancel_on_kill = cancel_on_kill
        self._identity: TaskIdentity | None = None
        self._killed = False
        self._sent = False

    @property
    @abstractmethod
    def parent(self) -> str:
        """Full name of what the jobs are listed below."""

    def on_kill(self) -> None:
        """Cancel the job, when asked to, and say what has become of it."""
        self._killed = True
        if not self.cancel_on_kill:
            name = self._job.name if self._job else "of this task, if there is one,"
            page = f"; page: {self._job.url}" if self._job and self._job.url else ""
            self.log.info("Task killed; job %s keeps running, as cancel_on_kill is off%s", name, page)
            return
        until = time.monotonic() + KILLED_WITHIN
        names = self._our_jobs(within=KILLED_WITHIN / 2)
        if names is None:
            self.log.info("Task killed: whether there is a job of it is not known; look for it by hand")
        elif not names:
            self.log.info("Task killed: no job of it was found, and none was cancelled")
        for name in names or ():
            # Before it, too: a process that is killed in the middle of it has said what it was about.
            self.log.info("Task killed: asking the service to %s job %s", self._cancels_by(), name)
            self.log.info("Task killed: %s", self._cancel(name, within=until - time.monotonic()))

    def _cancels_by(self) -> str:
        try:
            return str(self.hook.cancels_by)
        except Exception:  # the kill came while the hook was imported; the cancel tells
            return "cancel"

    def _our_jobs(self, *, within: float) -> list[str] | None:
        """Return the task's jobs at work, or nothing where that cannot be known."""
        return [self._job.name] if self._job else self._active_jobs(within=within)

    def _active_jobs(self, *, within: float) -> list[str] | None:
        if not self._identity:
            return None if self._sent else []
        try:
            found = self.hook.insist(
                self.hook.find_jobs, self._identity, parent=self.parent, within=within, denied_within=within
            )
        except Exception as error:
            self.log.warning(
                "Could not ask for jobs of this task (%s); one may be running: a retry or a clear finds it",
                error,
            )
            return None
        return [a.job.name for a in found if a.job.status is JobStatus.ACTIVE]

    def _take(self, job: Job) -> Job:
        self._job = job
        if self._killed:
            # The kill came while the answer to the submit was on its way, and found no job to cancel.
            self.on_kill()
            raise JobError(
                f"The task was killed while it submitted job {job.name}; the log says above what became of it"
                ". A clear of the task begins anew"
            )
        return job

    def _refuse_when_killed(self) -> None:
        # Airflow lets a task that it has told of its end go on.
        if self._killed:
            raise JobError(
                "The task was killed before it submitted a job, and submits none. A clear of it begins anew"
            )

    def _cancel(self, name: str, *, within: float = CANCEL_WITHIN) -> str:
        try:
            self.hook.insist(self.hook.cancel_job, name, within=within, denied_within=within)
        except Exception as error:  # a failing cancel must not hide why the task ended
            return (
                f"Job {name} could not be cancelled ({type(error).__name__}: {error}); it may still run: "
                "cancel it by hand."
            )
        return f"Asked the service to {self.hook.cancels_by} job {name}."
