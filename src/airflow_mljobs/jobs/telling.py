"""What is told of a job while it is waited for, on the worker and in the triggerer alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from airflow_mljobs.jobs.job import Job, describe_change, format_duration
from airflow_mljobs.jobs.polling import Failure, Finish, GiveUp, Wait


@dataclass(kw_only=True)
class Teller:
    """Says what is new at each look; the caller brings the looks and the time, in seconds since 1970."""

    job: Job | None = field(default=None, init=False)
    """The job as it was seen last."""

    _since: float = field(default=0.0, init=False)

    def tell(self, look: Job, *, now: float) -> str | None:
        """Say in one line what is new, and how long the job was what it was before; or nothing."""
        before, self.job = self.job, look
        lasted = timedelta(seconds=max(0.0, now - self._since))
        if before is None:
            # Whoever comes late, as a triggerer that was restarted, has not seen the state begin.
            begin = look.started or look.created
            self._since = begin.timestamp() if begin else now
        elif before.state != look.state:
            self._since = now
        return describe_change(before, look, lasted=lasted)


def describe_miss(name: str, failure: Failure, decision: Finish | Wait | GiveUp) -> str:
    """Say that a look brought no job, and what follows."""
    met = failure.message.rstrip(".")
    if isinstance(decision, Wait):
        pause = format_duration(timedelta(seconds=decision.seconds))
        return f"Could not look at job {name}: {met}. The job is left alone; next look in {pause}"
    return f"Could not look at job {name}: {met}. No other look is made"
