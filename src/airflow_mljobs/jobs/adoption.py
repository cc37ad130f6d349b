"""Whether a task goes on with a job that it already has, or submits one."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
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
        """Read what `TaskIdentity.labels` wrote.

        :raises ValueError: when something else wrote them.
        """
        return cls(job=job, epoch=int(labels.get(EPOCH_LABEL, "")), number=int(labels.get(ATTEMPT_LABEL, "")))

    @classmethod
    def from_found(cls, found: Iterable[tuple[Job, Mapping[str, str]]]) -> list[Attempt]:
        """Read jobs with their labels, newest first; a copy that somebody labelled by hand is left out."""
        attempts = []
        for job, labels in found:
            with contextlib.suppress(ValueError):
                attempts.append(cls.from_labels(job, labels))
        return sorted(attempts, key=lambda attempt: (attempt.epoch, attempt.number), reverse=True)


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
    :param superseded: active jobs of other generations, to be cancelled before; not those that are already.
    :param ending: jobs of this generation that are being cancelled, whose end is to be awaited before.
    """

    number: int
    first: bool
    superseded: tuple[Job, ...] = ()
    ending: tuple[Job, ...] = ()


def adopt(
    found: Sequence[Attempt], *, epoch: int, cancelling: Collection[str] = ()
) -> Attach | TakeResult | Submit:
    """Decide what to do, given every job that the task instance ever had.

    :param found: the jobs, of all generations.
    :param epoch: the generation that is at work now.
    :param cancelling: the service's words for a job that can only end cancelled any more.
    """
    ours = sorted((a for a in found if a.epoch == epoch), key=lambda a: a.number, reverse=True)
    ending = tuple(a.job for a in ours if a.job.state in cancelling)
    for status, decision in ((JobStatus.ACTIVE, Attach), (JobStatus.SUCCEEDED, TakeResult)):
        for attempt in ours:
            if attempt.job.status is status and attempt.job not in ending:
                return decision(job=attempt.job)
    return Submit(
        number=ours[0].number + 1 if ours else 1,
        first=not found,
        superseded=tuple(
            a.job
            for a in found
            if a.epoch != epoch and a.job.status is JobStatus.ACTIVE and a.job.state not in cancelling
        ),
        ending=ending,
    )
