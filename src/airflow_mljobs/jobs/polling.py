"""What to do after each look at a job: one decision for the worker and the triggerer alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from airflow_mljobs.jobs.job import Job, JobStatus, format_duration

DENIED_TOLERANCE = 300.0
"""Seconds for which 401 and 403 are borne: grants and rotated keys take minutes to spread."""

MAX_BACKOFF = 300.0
"""The longest pause, in seconds, between two looks at a service that does not answer."""


class FailureKind(StrEnum):
    """What an error of a service means for whoever met it."""

    UNAVAILABLE = "unavailable"  # no answer: whether a request took effect is unknown
    QUOTA = "quota"  # refused for now
    DENIED = "denied"
    MISSING = "missing"
    EXISTS = "exists"
    INVALID = "invalid"  # refused for good: the request itself is wrong
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A look that brought no job.

    :param kind: what it means.
    :param message: what was met.
    :param retry_after: seconds for which the service asks to be left alone.
    """

    kind: FailureKind
    message: str
    retry_after: float | None = None


class Verdict(StrEnum):
    """Why waiting ended without a final job."""

    TIMEOUT = "timeout"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The job has reached its end."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Look again after so many seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class GiveUp:
    """Stop waiting, for this reason; the job's fate is the caller's to decide and to tell."""

    verdict: Verdict
    message: str


@dataclass(kw_only=True)
class Poller:
    """Decides after each look; the caller brings the looks and the time.

    :param poll_interval: seconds between two looks that succeed.
    :param failure_tolerance: seconds of silence that are borne before giving up.
    :param deadline: the time after which waiting ends, on the caller's clock.
    """

    poll_interval: float
    failure_tolerance: float = 3600.0
    deadline: float | None = None
    _failing_since: float | None = field(default=None, init=False)
    _denied_since: float | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _missed: bool = field(default=False, init=False)

    def after(self, look: Job | Failure, *, now: float) -> Finish | Wait | GiveUp:
        """Decide what follows a look made at ``now``."""
        decision = self._after_job(look) if isinstance(look, Job) else self._after_failure(look, now)
        if not isinstance(decision, Wait) or self.deadline is None:
            return decision
        if now >= self.deadline:
            return self.expire()
        return Wait(seconds=min(decision.seconds, self.deadline - now))

    @staticmethod
    def expire() -> GiveUp:
        """Say that the deadline passed, to a caller who did not wait for another look."""
        return GiveUp(verdict=Verdict.TIMEOUT, message="the task's deadline passed")

    def _after_job(self, job: Job) -> Finish | Wait:
        self._failing_since, self._denied_since, self._failures, self._missed = None, None, 0, False
        return Wait(seconds=self.poll_interval) if job.status is JobStatus.ACTIVE else Finish(job=job)

    def _after_failure(self, failure: Failure, now: float) -> Wait | GiveUp:
        self._failing_since = now if self._failing_since is None else self._failing_since
        # An outage may end in a refusal, whose few minutes begin only then.
        denied_since = now if self._denied_since is None else self._denied_since
        self._denied_since = denied_since if failure.kind is FailureKind.DENIED else None
        self._failures += 1
        silent = now - self._failing_since
        match failure.kind:
            case FailureKind.MISSING:
                # One answer of "not found" can come from a replica that lags behind.
                if self._missed:
                    return GiveUp(verdict=Verdict.NOT_FOUND, message=failure.message)
                self._missed = True
                return Wait(seconds=self.poll_interval)
            case FailureKind.UNAVAILABLE | FailureKind.QUOTA:
                tolerance = self.failure_tolerance
            case FailureKind.DENIED:
                silent = now - denied_since
                tolerance = min(DENIED_TOLERANCE, self.failure_tolerance)
            case _:
                return GiveUp(verdict=Verdict.ERROR, message=failure.message)
        if silent >= tolerance:
            lasted = format_duration(timedelta(seconds=silent))
            return GiveUp(
                verdict=Verdict.UNREACHABLE,
                message=f"no look succeeded for {lasted}; last: {failure.message}",
            )
        backoff = min(self.poll_interval * 2 ** min(self._failures - 1, 16), MAX_BACKOFF)
        pause = min(max(backoff, self.poll_interval), tolerance - silent)
        # A service that names its time is obeyed beyond our patience, but not for more than as long again.
        return Wait(seconds=max(pause, min(failure.retry_after or 0.0, tolerance)))
