"""What follows each look at a job."""

from __future__ import annotations

import pytest
from unit_samples import make_job

from airflow_mljobs.jobs import Failure, FailureKind, Finish, GiveUp, Job, JobStatus, Poller, Verdict, Wait
from airflow_mljobs.jobs.polling import DENIED_TOLERANCE, MAX_BACKOFF

ACTIVE = make_job()
ENDS = [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]
LIVE = [FailureKind.UNAVAILABLE, FailureKind.QUOTA]


def failure(kind: FailureKind = FailureKind.UNAVAILABLE, *, retry_after: float | None = None) -> Failure:
    """Make a look that brought nothing."""
    return Failure(kind=kind, message=f"{kind} it is", retry_after=retry_after)


def poller(poll_interval: float = 10.0, **fields: float) -> Poller:
    """Make a poller."""
    return Poller(poll_interval=poll_interval, **fields)


@pytest.mark.parametrize("status", ENDS)
def test_an_end_is_an_end(status: JobStatus) -> None:
    """A job that has ended, however, ends the waiting."""
    assert Finish(job=make_job(status)) == poller().after(make_job(status), now=0)


def test_an_active_job_is_waited_for() -> None:
    """An active job is looked at again after the interval, for as long as it takes."""
    waits = [poller().after(ACTIVE, now=now) for now in (0, 1e6, 1e9)]
    assert [Wait(seconds=10)] * 3 == waits


@pytest.mark.parametrize("kind", LIVE)
def test_silence_is_borne_by_its_length(kind: FailureKind) -> None:
    """However many looks fail, only the time since the first of them counts."""
    waiting = poller(failure_tolerance=100)
    assert {Wait} == {type(waiting.after(failure(kind), now=1000 + 99.9 * n / 500)) for n in range(501)}
    expected = GiveUp(
        verdict=Verdict.UNREACHABLE, message=f"no look succeeded for 1 min 40 s; last: {kind} it is"
    )
    assert expected == waiting.after(failure(kind), now=1100)


def test_an_hour_of_silence_is_borne_unless_told_otherwise() -> None:
    """By default a service may be away for an hour."""
    waiting = poller()
    looks = [waiting.after(failure(), now=now) for now in (0, 3599, 3600)]
    assert [Wait, Wait, GiveUp] == [type(look) for look in looks]


def test_no_tolerance_ends_at_the_first_failure() -> None:
    """With a tolerance of nothing, the first silence is the last."""
    decision = poller(failure_tolerance=0).after(failure(), now=5)
    assert isinstance(decision, GiveUp)
    assert Verdict.UNREACHABLE is decision.verdict


@pytest.mark.parametrize("tolerance", [DENIED_TOLERANCE * 10, DENIED_TOLERANCE / 10])
def test_a_refused_right_is_borne_for_minutes(tolerance: float) -> None:
    """Missing rights are borne for minutes, and never longer than silence."""
    limit = min(DENIED_TOLERANCE, tolerance)
    waiting = poller(failure_tolerance=tolerance)
    looks = [waiting.after(failure(FailureKind.DENIED), now=now) for now in (0, limit - 0.1, limit)]
    assert [Wait, Wait, GiveUp] == [type(look) for look in looks]


def test_a_refused_right_after_silence_is_borne_as_long_as_any() -> None:
    """The minutes for a missing right begin with the refusal, not with an outage before it."""
    waiting = poller()
    waiting.after(failure(), now=0)
    assert isinstance(waiting.after(failure(FailureKind.DENIED), now=DENIED_TOLERANCE * 2), Wait)


def test_a_job_is_missing_only_at_the_second_look() -> None:
    """One "not found" may be a replica that lags; two are the truth."""
    waiting = poller()
    missing = failure(FailureKind.MISSING)
    assert Wait(seconds=10) == waiting.after(missing, now=0)
    assert GiveUp(verdict=Verdict.NOT_FOUND, message="missing it is") == waiting.after(missing, now=10)


@pytest.mark.parametrize("kind", [FailureKind.EXISTS, FailureKind.INVALID, FailureKind.OTHER])
def test_an_error_that_time_does_not_heal_ends_at_once(kind: FailureKind) -> None:
    """An error that says nothing of the weather is not waited out."""
    assert GiveUp(verdict=Verdict.ERROR, message=f"{kind} it is") == poller().after(failure(kind), now=0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FailureKind.UNAVAILABLE, FailureKind.UNAVAILABLE),
        (FailureKind.DENIED, FailureKind.DENIED),
        (FailureKind.MISSING, FailureKind.MISSING),
    ],
)
def test_a_job_seen_again_clears_the_past(before: FailureKind, after: FailureKind) -> None:
    """After a look that succeeds, failures are counted from nothing."""
    waiting = poller()
    for now in (0, 1):
        waiting.after(failure(FailureKind.UNAVAILABLE), now=now)
    waiting.after(failure(before), now=2)
    waiting.after(ACTIVE, now=3)
    assert Wait(seconds=10) == waiting.after(failure(after), now=1_000_000)


def test_pauses_grow_up_to_a_bound() -> None:
    """Each failure doubles the pause, as far as five minutes."""
    waiting = poller(failure_tolerance=1e9)
    seconds = [wait.seconds for n in range(40) if isinstance(wait := waiting.after(failure(), now=n), Wait)]
    assert seconds == [10.0, 20.0, 40.0, 80.0, 160.0] + [MAX_BACKOFF] * 35


@pytest.mark.parametrize("interval", [MAX_BACKOFF + 1, 3_000.0])
def test_a_pause_is_never_shorter_than_the_interval(interval: float) -> None:
    """Whoever asks for rare looks gets no more of them in an outage."""
    assert Wait(seconds=interval) == poller(interval).after(failure(), now=0)


def test_a_pause_ends_with_the_tolerance() -> None:
    """The last look of an outage comes when patience ends, not later."""
    waiting = poller(failure_tolerance=15)
    looks = [waiting.after(failure(), now=now) for now in (0, 10)]
    assert [Wait(seconds=10), Wait(seconds=5)] == looks


@pytest.mark.parametrize("kind", [*LIVE, FailureKind.DENIED])
@pytest.mark.parametrize(("asked", "waited"), [(0.0, 10.0), (3.0, 10.0), (45.0, 45.0), (200.0, 200.0)])
def test_a_service_that_names_its_time_is_obeyed(kind: FailureKind, asked: float, waited: float) -> None:
    """The pause is at least as long as the service asks for."""
    assert Wait(seconds=waited) == poller().after(failure(kind, retry_after=asked), now=0)


def test_a_service_may_ask_for_more_than_patience_has_left() -> None:
    """What the service asks for goes beyond the tolerance, but not for longer than the tolerance itself."""
    waiting = poller(failure_tolerance=100)
    waiting.after(failure(), now=0)
    looks = [waiting.after(failure(retry_after=asked), now=95) for asked in (30.0, 1e9)]
    assert [Wait(seconds=30), Wait(seconds=100)] == looks


def test_a_deadline_comes_before_what_the_service_asks_for() -> None:
    """However long the service wants to be left alone, waiting ends at the deadline."""
    assert Wait(seconds=20) == poller(deadline=20.0).after(failure(retry_after=60), now=0)


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        (80.0, Wait(seconds=10)),
        (95.0, Wait(seconds=5)),
        (100.0, GiveUp(verdict=Verdict.TIMEOUT, message="the task's deadline passed")),
        (1e9, GiveUp(verdict=Verdict.TIMEOUT, message="the task's deadline passed")),
    ],
)
@pytest.mark.parametrize("look", [ACTIVE, failure()], ids=["active", "silent"])
def test_waiting_ends_at_the_deadline(look: Job | Failure, now: float, decision: Wait | GiveUp) -> None:
    """The last look is made at the deadline itself, in silence too."""
    assert decision == poller(deadline=100.0).after(look, now=now)


@pytest.mark.parametrize("status", ENDS)
def test_an_end_seen_late_is_still_the_end(status: JobStatus) -> None:
    """A job found ended after the deadline has its own end, not a timeout."""
    ended = make_job(status)
    assert Finish(job=ended) == poller(deadline=100.0).after(ended, now=200)


def test_an_error_seen_late_is_still_the_error() -> None:
    """What went wrong is told, rather than that time was up as well."""
    decision = poller(deadline=100.0).after(failure(FailureKind.OTHER), now=200)
    assert GiveUp(verdict=Verdict.ERROR, message="other it is") == decision
