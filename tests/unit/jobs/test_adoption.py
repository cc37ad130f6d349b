"""What a task does with the jobs that it already has."""

from __future__ import annotations

import pytest
from unit_samples import make_job

from airflow_mljobs.jobs import Attach, Attempt, Job, JobStatus, Submit, TakeResult, TaskIdentity, adopt
from airflow_mljobs.jobs.identity import ATTEMPT_LABEL, EPOCH_LABEL

A, S, F, C = JobStatus.ACTIVE, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED


def job(epoch: int, number: int, status: JobStatus) -> Job:
    """Make the job of an attempt."""
    return make_job(status, name=f"job-{epoch}-{number}")


def attempts(*found: tuple[int, int, JobStatus]) -> list[Attempt]:
    """Make attempts from their epoch, number and status."""
    return [Attempt(job=job(*each), epoch=each[0], number=each[1]) for each in found]


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        ([], Submit(number=1, first=True)),
        ([(1, 1, A)], Attach(job=job(1, 1, A))),
        ([(1, 1, S)], TakeResult(job=job(1, 1, S))),
        ([(1, 1, F)], Submit(number=2, first=False)),
        ([(1, 1, C)], Submit(number=2, first=False)),
        ([(1, 1, F), (1, 2, A)], Attach(job=job(1, 2, A))),
        ([(1, 1, C), (1, 2, S)], TakeResult(job=job(1, 2, S))),
        ([(1, 1, F), (1, 2, C), (1, 3, F)], Submit(number=4, first=False)),
        ([(1, 3, F)], Submit(number=4, first=False)),
        ([(1, 1, A), (1, 2, F)], Attach(job=job(1, 1, A))),
        ([(1, 1, S), (1, 2, F)], TakeResult(job=job(1, 1, S))),
        ([(1, 1, S), (1, 2, A)], Attach(job=job(1, 2, A))),
        ([(1, 1, A), (1, 2, A)], Attach(job=job(1, 2, A))),
        ([(1, 1, S), (1, 2, S)], TakeResult(job=job(1, 2, S))),
        ([(1, 9, F), (1, 10, F)], Submit(number=11, first=False)),
    ],
    ids=[
        "nothing",
        "active",
        "succeeded",
        "failed",
        "cancelled",
        "failed, then active",
        "cancelled, then succeeded",
        "three ended",
        "earlier ones deleted",
        "an older one is still active",
        "an older one succeeded",
        "active before succeeded",
        "the newer of two active",
        "the newer of two successes",
        "numbers, not words",
    ],
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_one_generation(
    found: list[tuple[int, int, JobStatus]],
    decision: Attach | TakeResult | Submit,
    newest_first: bool,
) -> None:
    """Within a generation, work at hand comes before a result, and a result before a new job."""
    order = -1 if newest_first else 1
    assert decision == adopt(attempts(*found)[::order], epoch=1)


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        ([(0, 1, S)], Submit(number=1, first=False)),
        ([(0, 1, F), (0, 2, C)], Submit(number=1, first=False)),
        ([(0, 1, A)], Submit(number=1, first=False, superseded=(job(0, 1, A),))),
        (
            [(0, 2, A), (0, 1, F), (1, 1, F), (0, 3, A)],
            Submit(number=2, first=False, superseded=(job(0, 2, A), job(0, 3, A))),
        ),
        ([(0, 1, A), (1, 1, A)], Attach(job=job(1, 1, A))),
        ([(0, 1, A), (1, 1, S)], TakeResult(job=job(1, 1, S))),
        ([(0, 7, S), (1, 1, F)], Submit(number=2, first=False)),
    ],
    ids=[
        "an old result is not taken",
        "old ends count for nothing",
        "old work is superseded",
        "all old work is superseded",
        "attach to our own only",
        "take our own result only",
        "count our own only",
    ],
)
def test_a_clear_begins_anew(
    found: list[tuple[int, int, JobStatus]], decision: Attach | TakeResult | Submit
) -> None:
    """Jobs of earlier generations are neither attached to nor taken, and their work is to end."""
    assert decision == adopt(attempts(*found), epoch=1)


def test_what_ends_already_is_not_cancelled_again() -> None:
    """Old work that is being cancelled is left to its end."""
    found = attempts((0, 1, A), (0, 2, A))
    cancelling = found[0].job.state

    assert adopt(found, epoch=1, cancelling={cancelling}).superseded == ()  # type: ignore[union-attr]


def test_an_attempt_is_read_from_its_labels() -> None:
    """What identity wrote into the labels is what adoption reads."""
    identity = TaskIdentity(dag_id="d", run_id="r", task_id="t", epoch=4)
    read = Attempt.from_labels(job(4, 2, A), identity.labels(attempt=2) | {"team": "risk"})
    assert Attempt(job=job(4, 2, A), epoch=4, number=2) == read


def test_found_jobs_are_read_newest_first() -> None:
    """Jobs are read by their labels, the newest generation and attempt first."""
    labels = [generation(epoch).labels(attempt=number) for epoch, number in ((0, 1), (2, 1), (2, 2))]
    read = Attempt.from_found([(make_job(), found) for found in labels])
    assert [(attempt.epoch, attempt.number) for attempt in read] == [(2, 2), (2, 1), (0, 1)]


def test_a_job_labelled_by_hand_is_left_out() -> None:
    """A job that carries the task's label and no attempt, or a wrong one, is nobody's."""
    found: list[dict[str, str]] = [{}, {EPOCH_LABEL: "2"}, {EPOCH_LABEL: "2", ATTEMPT_LABEL: "first"}]
    assert Attempt.from_found([(make_job(), labels) for labels in found]) == []


def test_a_job_that_is_being_cancelled_is_awaited() -> None:
    """A job that can only end cancelled is not attached to; its end is awaited, then the next submitted."""
    ending = make_job(state="STOPPING")
    found = [Attempt(job=ending, epoch=0, number=1)]
    expected = Submit(number=2, first=False, ending=(ending,))
    assert expected == adopt(found, epoch=0, cancelling={"STOPPING"})


def generation(epoch: int) -> TaskIdentity:
    """Return a generation of one task."""
    return TaskIdentity(dag_id="d", run_id="r", task_id="t", epoch=epoch)
