"""What is told of a job while it is waited for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from unit_samples import NAME, START, make_job

from airflow_mljobs.jobs import Failure, FailureKind, GiveUp, Job, JobStatus, Teller, Verdict, Wait
from airflow_mljobs.jobs.telling import describe_miss

NOW = START.timestamp()
BEGUN = make_job(state="RUNNING", created=START, started=START + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("looks", "line"),
    [
        ([(0, make_job(state="QUEUED"))], f"Job {NAME} is QUEUED"),
        (
            [(0, make_job(state="QUEUED")), (130, make_job(state="RUNNING"))],
            f"Job {NAME} is RUNNING after 2 min 10 s in QUEUED",
        ),
        (
            [(600, make_job(state="QUEUED", created=START)), (610, BEGUN)],
            f"Job {NAME} is RUNNING after 10 min 10 s in QUEUED",
        ),
        (
            [(600, BEGUN), (660, make_job(state="CANCELLING"))],
            f"Job {NAME} is CANCELLING after 10 min 00 s in RUNNING",
        ),
        (
            [
                (0, make_job(state="QUEUED")),
                (5, make_job(state="QUEUED")),
                (9, make_job(state="PENDING")),
                (19, make_job(state="RUNNING")),
            ],
            f"Job {NAME} is RUNNING after 10.0 s in PENDING",
        ),
        (
            [(0, make_job(state="RUNNING")), (7, make_job(JobStatus.FAILED))],
            f"Job {NAME} is FAILED after 7.0 s in RUNNING",
        ),
        (
            [(-60, make_job(state="QUEUED", created=START)), (-50, make_job(state="RUNNING"))],
            f"Job {NAME} is RUNNING after 0.0 s in QUEUED",
        ),
        ([(0, BEGUN), (9, BEGUN)], None),
    ],
    ids=[
        "first look",
        "a change",
        "a first state from its creation",
        "a first state from its start",
        "each state by itself",
        "an end without times",
        "a clock that is late",
        "nothing new",
    ],
)
def test_a_change_is_told_with_the_time_before_it(looks: list[tuple[float, Job]], line: str | None) -> None:
    """The last look's line says what is new, and how long the job was what it was before."""
    teller = Teller()
    lines = [teller.tell(job, now=NOW + seconds) for seconds, job in looks]
    assert (lines[-1], teller.job) == (line, looks[-1][1])


@pytest.mark.parametrize(
    ("decision", "end"),
    [
        (Wait(seconds=90), "The job is left alone; next look in 1 min 30 s"),
        (GiveUp(verdict=Verdict.ERROR, message="no"), "No other look is made"),
    ],
)
def test_a_miss_is_told_with_what_follows(decision: Wait | GiveUp, end: str) -> None:
    """A look that brought no job says why, that the job is unharmed, and when the next one comes."""
    failure = Failure(kind=FailureKind.UNAVAILABLE, message="try later")
    assert describe_miss(NAME, failure, decision) == f"Could not look at job {NAME}: try later. {end}"
