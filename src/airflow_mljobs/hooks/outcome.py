"""What has become of a job, as a result or as an exception."""

from __future__ import annotations

import logging

from airflow_mljobs.exceptions import (
    JobCancelled,
    JobError,
    JobFailed,
    JobNotFound,
    JobTimeout,
    JobUnreachable,
)
from airflow_mljobs.jobs import Job, JobStatus, Verdict

log = logging.getLogger(__name__)

IN_PART = "_PARTIALLY_SUCCEEDED"
"""How the words end for a success that somebody should look at."""


def error_text(error: BaseException) -> str:
    """Name an error by its type and its own words, never by its request."""
    text = str(getattr(error, "message", None) or error)
    return f"{type(error).__name__}: {text[:500]}"


def raise_unless_succeeded(job: Job) -> Job:
    """Return a job that succeeded; raise what became of any other.

    :raises JobFailed: with the service's reason.
    :raises JobCancelled: when the service says so.
    """
    page = f"\nConsole: {job.url}" if job.url else ""
    if job.status is JobStatus.SUCCEEDED:
        if job.state.endswith(IN_PART):
            log.warning("Job %s succeeded in part only (%s)%s", job.name, job.state, page)
        return job
    reason = f": {job.error}" if job.error else ""
    if job.status is JobStatus.CANCELLED:
        raise JobCancelled(f"Job {job.name} was cancelled ({job.state}){reason}{page}")
    raise JobFailed(f"Job {job.name} failed ({job.state}){reason}{page}")


def error_for(name: str, verdict: Verdict, message: str, *, fate: str) -> JobError:
    """Make the exception for a job whose end was not seen.

    :param name: the job.
    :param verdict: why the waiting ended.
    :param message: what was met.
    :param fate: what has become of the remote job, and what to do about it.
    """
    kinds: dict[Verdict, type[JobError]] = {
        Verdict.TIMEOUT: JobTimeout,
        Verdict.NOT_FOUND: JobNotFound,
        Verdict.UNREACHABLE: JobUnreachable,
        Verdict.ERROR: JobError,
    }
    return kinds[verdict](f"Stopped waiting for job {name}: {message}. {fate}")
