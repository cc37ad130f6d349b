"""What has become of a job, as a result or as an exception."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_mljobs.exceptions import (
    JobCancelled,
    JobError,
    JobFailed,
    JobNotFound,
    JobTimeout,
    JobUnreachable,
)
from airflow_mljobs.jobs import Job, JobStatus, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

IN_PART = "_PARTIALLY_SUCCEEDED"
"""How the words end for a success that somebody should look at."""

FATES: Mapping[Verdict, str] = {
    Verdict.NOT_FOUND: "Somebody deleted it.",
    Verdict.UNREACHABLE: "It was left running.",
    Verdict.ERROR: "It was left as it is.",
}
"""What has become of a job that is not waited for any longer, unless somebody saw to it."""


def error_text(error: BaseException) -> str:
    """Name an error by its type and its own words, never by its request."""
    text = str(getattr(error, "message", None) or error)
    return f"{type(error).__name__}: {text[:500]}"


def raise_unless_succeeded(job: Job, *, advice: str = "") -> Job:
    """Return a job that succeeded; raise what became of any other.

    :param job: one that has ended.
    :param advice: what to do when it did not succeed.
    :raises JobFailed: with the service's reason.
    :raises JobCancelled: when the service says so.
    """
    if job.status is JobStatus.SUCCEEDED:
        if job.state.endswith(IN_PART):
            log.warning(
                "Job %s succeeded in part only (%s); look at what failed before its results are used%s",
                job.name,
                job.state,
                _page(job.url),
            )
        return job
    if job.status is JobStatus.CANCELLED:
        reason = f": {job.error}" if job.error else ""
        raise JobCancelled(
            f"Job {job.name} was cancelled ({job.state}){reason}\n"
            "It has ended: somebody who may, or a limit of the service, stopped it; the service's audit log "
            f"may say who. {advice}".rstrip()
            + _page(job.url)
        )
    reason = job.error or "the service gives no reason; look at the job's own log"
    raise JobFailed(
        f"Job {job.name} failed ({job.state}): {reason}\n"
        f"It has ended; mend first what the reason names. {advice}".rstrip()
        + _page(job.url)
    )


def error_for(name: str, verdict: Verdict, message: str, *, fate: str, page: str | None = None) -> JobError:
    """Make the exception for a job whose end was not seen.

    :param name: the job.
    :param verdict: why the waiting ended.
    :param message: what was met.
    :param fate: what has become of the remote job, and what to do about it.
    :param page: the job's page in the service's console.
    """
    kinds: dict[Verdict, type[JobError]] = {
        Verdict.TIMEOUT: JobTimeout,
        Verdict.NOT_FOUND: JobNotFound,
        Verdict.UNREACHABLE: JobUnreachable,
        Verdict.ERROR: JobError,
    }
    return kinds[verdict](f"Stopped waiting for job {name}: {message.rstrip('.')}. {fate}{_page(page)}")


def _page(url: str | None) -> str:
    return f"\nConsole: {url}" if url else ""
