"""Whether a task goes on with a job that it already has, or submits one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_mljobs.jobs.identity import ATTEMPT_LABEL, EPOCH_LABEL
from airflow_mljobs.jobs.job import Job, JobStatus


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A job that was found to belong to a task instance, and which one of its jobs it is."""

    job: Job
    epoch: int
    number: int

    @classmethod
    def from_labels(cls, job: Job, labels: Mapping[str, str]) -> Attempt:
        """Read what `TaskIdentity.labels` wrote."""
        return cls(job=job, epoch=int(labels[EPOCH_LABEL]), number=int(labels[ATTEMPT_LABEL]))


@dataclass(frozen=True, kw_only=True)
class Attach:
    """Wait for this job: it is ours and still at work."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class TakeResult:
    """Nothing is left to do: this job succeeded while nobody looked."""

    job: Job


@dataclass(frozen=True, kw_only=True)
class Submit:
    """Submit a job under this attempt's number.

    :param number: counts within the generation, from 1.
    :param first: whether the task instance never had a job before.
    :param superseded: active jobs of other generations, to be cancelled before.
    """

    number: int
    first: bool
    superseded: tuple[Job, ...] = ()


def adopt(found: Sequence[Attempt], *, epoch: int) -> Attach | TakeResult | Submit:
    """Decide what to do, given every job that the task instance ever had."""
    ours = sorted((a for a in found if a.epoch == epoch), key=lambda a: a.number, reverse=True)
    for status, decision in ((JobStatus.ACTIVE, Attach), (JobStatus.SUCCEEDED, TakeResult)):
        for attempt in ours:
            if attempt.job.status is status:
                return decision(job=attempt.job)
    return Submit(
        number=ours[0].number + 1 if ours else 1,
        first=not found,
        superseded=tuple(a.job for a in found if a.epoch != epoch and a.job.status is JobStatus.ACTIVE),
    )
