"""The watch that triggers share, under everything that an event loop can do to it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, ClassVar

import pytest
from unit_samples import NAME, make_job

from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.hooks.lists import Page, Question
from airflow_mljobs.jobs import Attempt, Failure, FailureKind, Job, JobStatus, TaskIdentity
from airflow_mljobs.triggers import watch as module
from airflow_mljobs.triggers.base import JobTrigger
from airflow_mljobs.triggers.watch import Scope, shared_watch


class Ledger(JobHook):
    """A service in memory that writes down who asked what."""

    states: ClassVar = {}
    batches: ClassVar[list[list[str]]]
    made: ClassVar[list[Ledger]]
    open_gate: ClassVar[threading.Event]
    error: ClassVar[BaseException | None]
    ended: ClassVar[set[str]]
    refusals: ClassVar[dict[str, Failure]]

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.made.append(self)

    def look_at(self, names: Iterable[str]) -> Iterator[tuple[str, Job | Failure]]:
        """Answer for all names, when the gate is open."""
        self.batches.append(list(names))
        self.open_gate.wait(10)
        if self.error:
            raise self.error
        for name in self.batches[-1]:
            yield name, self.refusals.get(name) or self.get_job(name)

    def get_job(self, name: str) -> Job:
        """Look at one."""
        return make_job(JobStatus.SUCCEEDED if name in self.ended else JobStatus.ACTIVE, name=name)

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find nothing."""
        return []

    def page_of(self, question: Question, then: Any) -> Page:
        """List nothing."""
        return Page(entries=(), size=0, then=None)

    def cancel_job(self, name: str) -> None:
        """Have nothing to cancel."""

    def delete_job(self, name: str) -> None:
        """Have nothing to delete."""

    def failure_kind(self, error: BaseException) -> FailureKind:
        """Know no kinds."""
        return FailureKind.OTHER

    def close(self) -> None:
        """Write down that it was closed."""
        self.closed.set()


class LedgerTrigger(JobTrigger):
    """Waits for a job of that service."""

    hook_class = f"{__name__}:Ledger"


SCOPE = Scope.of(NAME, hook_class=LedgerTrigger.hook_class, hook_params={})


@pytest.fixture(autouse=True)
async def ledger(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Start with an empty ledger and an open gate, and end without any watch left."""
    gate = threading.Event()
    gate.set()
    fresh = {"batches": [], "made": [], "open_gate": gate, "error": None, "ended": set(), "refusals": {}}
    for name, value in fresh.items():
        monkeypatch.setattr(Ledger, name, value, raising=False)
    yield
    gate.set()
    assert module._watches == {}


async def soon(look: Any) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(5):
        while not look():  # noqa: ASYNC110 (the other side is a thread, which knows no events of ours)
            await asyncio.sleep(0.005)


async def test_triggers_of_one_scope_share_a_hook_and_a_request() -> None:
    """Looks that are due together are one request, through one hook, which is closed after the last user."""
    with shared_watch(SCOPE) as one, shared_watch(SCOPE) as other:
        assert one is other
        looks = await asyncio.gather(*(one.look(f"{NAME}{n}") for n in range(5)))
    await soon(lambda: Ledger.made[0].closed.is_set())

    assert [f"{NAME}{n}" for n in range(5)] == [look.name for look in looks if isinstance(look, Job)]
    assert [[f"{NAME}{n}" for n in range(5)]] == Ledger.batches
    assert len(Ledger.made) == 1


async def test_only_news_is_told() -> None:
    """A job that stays as it is known to be is looked at again and again, and told of once it has changed."""
    known = make_job(JobStatus.ACTIVE, name=NAME)
    with shared_watch(SCOPE) as watch:
        look = watch.look(NAME, every=0.001, known=known)
        await soon(lambda: len(Ledger.batches) > 10)
        assert not look.done()
        Ledger.ended.add(NAME)

        assert await look == make_job(JobStatus.SUCCEEDED, name=NAME)


async def test_looks_of_one_scope_come_to_keep_step() -> None:
    """Jobs whose waits began at different moments are soon looked at in one request."""
    names = [f"{NAME}{number}" for number in range(10)]
    with shared_watch(SCOPE) as watch:
        looks = []
        for name in names:
            known = make_job(JobStatus.ACTIVE, name=name)
            looks.append(watch.look(name, every=0.2, known=known))
            await asyncio.sleep(0.02)
        await soon(lambda: sorted(Ledger.batches[-1]) == names)
        settled = len(Ledger.batches)
        await soon(lambda: len(Ledger.batches) >= settled + 3)
        for look in looks:
            look.cancel()

    assert [sorted(batch) for batch in Ledger.batches[settled : settled + 3]] == [names] * 3


async def test_a_burst_of_news_lets_others_have_their_turn() -> None:
    """While a thousand answers are handed out, the event loop goes on with other things."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with shared_watch(SCOPE) as watch:
        Ledger.open_gate.clear()
        looks = [watch.look(f"{NAME}{number}") for number in range(1000)]
        await soon(lambda: Ledger.batches)
        meanwhile = asyncio.create_task(others())
        told: list[int] = []
        for look in looks:
            look.add_done_callback(lambda _: told.append(turns))
        Ledger.open_gate.set()
        await asyncio.gather(*looks)
        meanwhile.cancel()

    assert len(set(told)) >= 1000 / module.HANDED_OUT


async def test_a_job_that_ends_at_the_deadline_has_ended() -> None:
    """What happened since the last look is seen at the deadline, and goes before it."""
    deadline = time.time() + 0.5
    trigger = LedgerTrigger(job_name=NAME, hook_params={}, poll_interval=60, deadline=deadline)
    event = asyncio.create_task(anext(trigger.run()))
    await soon(lambda: Ledger.batches)
    Ledger.ended.add(NAME)

    assert (await event).payload["error"] is None


async def test_another_scope_has_a_watch_of_its_own() -> None:
    """Jobs of another project are asked for by another hook."""
    elsewhere = Scope.of(NAME.replace("projects/", "projects/x"), hook_class=SCOPE.hook_class, hook_params={})
    with shared_watch(SCOPE) as one, shared_watch(elsewhere) as other:
        assert one is not other


@pytest.mark.parametrize("ticks", range(8))
async def test_two_users_that_leave_at_any_moment(ticks: int) -> None:
    """A user that comes and goes in the same moments as another leaves nothing that hangs."""

    async def user() -> None:
        with shared_watch(SCOPE) as watch:
            await watch.look(NAME, after=60)

    first = asyncio.create_task(user())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(user())
    for _ in range(ticks):
        await asyncio.sleep(0)
    first.cancel()
    second.cancel()

    _, pending = await asyncio.wait([first, second], timeout=2)
    assert pending == set()


async def test_a_service_that_wants_rest_has_it() -> None:
    """While a service has asked to be left alone, neither old triggers nor new ones ask it anything."""
    Ledger.refusals[NAME] = Failure(kind=FailureKind.QUOTA, message="later", retry_after=0.4)
    with shared_watch(SCOPE) as watch:
        begin = time.monotonic()
        await watch.look(NAME)
        Ledger.refusals.clear()
        looks = asyncio.gather(watch.look(f"{NAME}2"), watch.look(NAME, after=0.01))
        await asyncio.sleep(0.2)
        assert len(Ledger.batches) == 1
        assert {type(look) for look in await looks} == {Job}
    assert time.monotonic() - begin >= 0.4


async def test_who_met_a_failure_joins_nobody() -> None:
    """A pause after a failure is kept, though others ask the service in the meantime."""
    with shared_watch(SCOPE) as watch:
        patient = watch.look(NAME, after=0.5)
        await asyncio.sleep(0.3)  # beyond half of it, from where on others are joined
        await watch.look(f"{NAME}2")
        assert Ledger.batches == [[f"{NAME}2"]]
        assert isinstance(await patient, Job)


async def test_a_kill_during_a_look_reaches_the_caller_unchanged() -> None:
    """A kill repeated while a request is under way ends the trigger at once, with the kill's own word."""
    Ledger.open_gate.clear()
    trigger = LedgerTrigger(job_name=NAME, hook_params={}, poll_interval=0.01)
    task = asyncio.create_task(anext(trigger.run()))
    await soon(lambda: Ledger.batches)

    for _ in range(3):
        task.cancel("the user")
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError, match="the user"):
        await task


async def test_a_watch_that_ends_tells_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the watch itself ends, whoever waits gets an error, and the next one gets a new watch."""

    async def end(*_: object) -> None:
        raise asyncio.CancelledError

    with shared_watch(SCOPE) as watch:
        monkeypatch.setattr(watch, "_look_at", end)
        for _ in range(2):  # who waits then, and who comes later
            with pytest.raises(RuntimeError, match="has ended"):
                await watch.look(NAME)
        with shared_watch(SCOPE) as fresh:
            assert fresh is not watch
            assert isinstance(await fresh.look(NAME), Job)


async def test_a_hook_that_cannot_be_made_is_a_refusal() -> None:
    """A connection that is missing is told as such, and borne for as long as a refusal is."""
    scope = Scope.of(NAME, hook_class=SCOPE.hook_class, hook_params={"nonsense": 1})
    with shared_watch(scope) as watch:
        look = await watch.look(NAME)

    assert isinstance(look, Failure)
    assert look.kind is FailureKind.DENIED
    assert "nonsense" in look.message


async def test_a_deadline_holds_although_the_service_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that does not come back does not hold up the deadline."""
    monkeypatch.setattr("airflow_mljobs.triggers.base.LAST_LOOK", 0.05)
    Ledger.open_gate.clear()
    trigger = LedgerTrigger(job_name=NAME, hook_params={}, poll_interval=0.01, deadline=1.0)

    async with asyncio.timeout(5):
        event = await anext(trigger.run())

    assert event.payload["error"]["verdict"] == "timeout"
