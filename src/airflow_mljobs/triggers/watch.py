"""One watch for all the triggers of a triggerer that ask the same service in the same place."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import random
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from asgiref.sync import sync_to_async

from airflow_mljobs.jobs import Failure, FailureKind, Job
from airflow_mljobs.loading import load_hook

if TYPE_CHECKING:
    from airflow_mljobs.hooks.base import JobHook

JITTER = 0.1
"""The share of a pause by which it is drawn out at random, so that tasks which began together part."""

JOINS = 0.5
"""The share of its pause after which a look joins a request for others: all of a scope come to keep step."""

HANDED_OUT = 5
"""How many answers are handed out before others get their turn on the event loop: each is a line in a log."""

ENDED = "the watch of this job has ended"

MOST_QUIET = 3600.0
"""Seconds for which nothing is asked because the service wants to be left alone."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What triggers must have in common to share a watch.

    :param hook_class: dotted path of the hook, ``module:Class``.
    :param hook_params: its arguments, as JSON.
    :param parent: what stands before the job's id in its name: project, region and kind.
    """

    hook_class: str
    hook_params: str
    parent: str

    @classmethod
    def of(cls, job_name: str, *, hook_class: str, hook_params: Mapping[str, Any]) -> Scope:
        """Return the scope of a job's watch."""
        return cls(
            hook_class=hook_class,
            hook_params=json.dumps(hook_params, sort_keys=True),
            parent=job_name.rpartition("/")[0],
        )


@dataclass(kw_only=True, slots=True)
class _Wish:
    name: str
    known: Job | None
    every: float
    answer: asyncio.Future[Job | Failure | None]
    due: float = 0.0
    joins: float = 0.0

    def wait(self, pause: float, *, now: float) -> None:
        self.due = now + pause * random.uniform(1.0, 1.0 + JITTER)
        # Who has met a failure has its time to wait, and joins nobody.
        self.joins = now + pause * JOINS if self.known else self.due

    def give_up(self) -> None:
        """Answer with nothing, unless there is an answer."""
        if not self.answer.done():
            self.answer.set_result(None)


@dataclass(kw_only=True)
class Watch:
    """Makes the looks that its triggers ask for, due ones together, never two requests at a time.

    Each user enters it, and it ends with the last that leaves. The hook is made, used and closed in a thread
    of the watch's own: credentials, connections, imports and the reading of answers take their time there,
    and the event loop hears of what has changed.
    """

    scope: Scope
    _users: int = 0
    _wishes: list[_Wish] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _found: deque[tuple[_Wish, Job | Failure]] = field(default_factory=deque)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet_until: float = 0.0
    _hook: JobHook | None = None
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="job-watch")
    )
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _work: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        # In a context of its own: in the first trigger's, all log lines would go to that task's log.
        self._work = self._loop.create_task(self._run(), context=contextvars.Context())

    @property
    def has_ended(self) -> bool:
        """Whether it makes no more looks."""
        return self._work.done()

    def __enter__(self) -> Self:
        """Count another user."""
        self._users += 1
        return self

    # Nothing is awaited in here: Airflow repeats a kill each second, and the repetition, met by an await,
    # would take the place of the kill that on_kill is called for.
    def __exit__(self, *_: object) -> None:
        """Close what nobody uses any more."""
        self._users -= 1
        if self._users == 0:
            if _watches.get((self._loop, self.scope)) is self:
                del _watches[self._loop, self.scope]
            self._work.cancel()
            # After the request under way; nobody waits for it.
            self._thread.submit(self._close_hook)
            self._thread.shutdown(wait=False)

    def look(
        self,
        name: str,
        *,
        after: float = 0.0,
        every: float = 0.0,
        known: Job | None = None,
        within: float | None = None,
    ) -> asyncio.Future[Job | Failure | None]:
        """Look at a job until there is something new about it, and answer with that; or nothing, out of time.

        :param name: the job.
        :param after: seconds until the first look.
        :param every: seconds between the later ones.
        :param known: what is not new; nothing: the first look's answer is.
        :param within: seconds for all of it.
        """
        if self.has_ended:
            raise RuntimeError(ENDED)
        # Not a coroutine: thousands wait here, and each object of theirs is gone through for garbage.
        wish = _Wish(name=name, known=known, every=every, answer=self._loop.create_future())
        wish.wait(after, now=self._loop.time())
        if within is not None:
            timer = self._loop.call_later(within, wish.give_up)
            wish.answer.add_done_callback(lambda _: timer.cancel())
        self._wishes.append(wish)
        self._news.set()
        return wish.answer

    async def _run(self) -> None:
        try:
            while True:
                await self._round()
        finally:
            # However this ends: who still waits must hear of it, and not wait for ever.
            for wish in self._open():
                wish.answer.set_exception(RuntimeError(ENDED))

    async def _round(self) -> None:
        self._news.clear()
        self._wishes = self._open()
        due = min((wish.due for wish in self._wishes), default=None)
        if due is not None:
            due = max(due, self._quiet_until)
        if due is None or due > self._loop.time():
            # Not wait_for, which on Python 3.11 loses a cancellation that meets the news.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            return
        now = self._loop.time()
        await self._look_at([wish for wish in self._wishes if wish.joins <= now])

    def _open(self) -> list[_Wish]:
        return [wish for wish in self._wishes if not wish.answer.done()]

    async def _look_at(self, wishes: list[_Wish]) -> None:
        # Not asyncio.to_thread: what the hook asks of Airflow (its connection) finds its way back to
        # this event loop only from a thread that asgiref started.
        ask = sync_to_async(self._ask, thread_sensitive=False, executor=self._thread)
        asking = asyncio.ensure_future(ask(wishes))
        asking.add_done_callback(lambda _: self._arrived.set())
        try:
            while not asking.done() or self._found:
                self._arrived.clear()
                await self._hand_out()
                if not asking.done():
                    await self._arrived.wait()
        finally:
            asking.cancel()
        if error := asking.exception():
            # The hook could not be made: its connection or its credentials. Worth minutes, not an hour.
            failure = Failure(kind=FailureKind.DENIED, message=f"{type(error).__name__}: {error}"[:500])
            self._found.extend((wish, failure) for wish in wishes)
            await self._hand_out()

    async def _hand_out(self) -> None:
        while self._found:
            for _ in range(min(HANDED_OUT, len(self._found))):
                wish, look = self._found.popleft()
                if not wish.answer.done():
                    wish.answer.set_result(look)
                if isinstance(look, Failure) and look.retry_after:
                    quiet = min(look.retry_after, MOST_QUIET)
                    self._quiet_until = max(self._quiet_until, self._loop.time() + quiet)
            await asyncio.sleep(0)

    def _ask(self, wishes: list[_Wish]) -> None:
        if self._hook is None:
            hook_params = json.loads(self.scope.hook_params)
            self._hook = load_hook(self.scope.hook_class, hook_params, freeze=True)
        begin = time.monotonic()
        by_name = {wish.name: wish for wish in wishes}
        others: dict[str, list[_Wish]] = {}
        for wish in wishes:
            if by_name[wish.name] is not wish:
                others.setdefault(wish.name, []).append(wish)
        for name, look in self._hook.look_at(by_name):
            for wish in (by_name[name], *others.get(name, ())):
                if look == wish.known:
                    wish.wait(wish.every, now=max(begin, time.monotonic() - wish.every / 2))
                else:
                    self._found.append((wish, look))
                    if len(self._found) == 1:  # otherwise they are being handed out
                        self._loop.call_soon_threadsafe(self._arrived.set)

    def _close_hook(self) -> None:
        if self._hook is not None:
            self._hook.close()


_watches: dict[tuple[asyncio.AbstractEventLoop, Scope], Watch] = {}


def shared_watch(scope: Scope) -> Watch:
    """Return the watch of a scope, made for the first trigger that asks and closed after the last.

    :param scope: what the triggers have in common.
    """
    key = (asyncio.get_running_loop(), scope)
    if key not in _watches or _watches[key].has_ended:
        _watches[key] = Watch(scope=scope)
    return _watches[key]
