"""One watch for all the triggers of a triggerer that ask the same service in the same place."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import pkgutil
import random
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from airflow_mljobs.jobs import Failure, FailureKind, Job

if TYPE_CHECKING:
    from airflow_mljobs.hooks.base import JobHook

_importing = threading.Lock()

TOGETHER = 0.1
"""Looks that are due within this share of their pause are made together, in one request where it can."""


def build_hook(hook_class: str, hook_params: Mapping[str, Any]) -> JobHook:
    """Import a hook and make it; takes seconds the first time, and belongs in a thread.

    :param hook_class: dotted path, ``module:Class``.
    :param hook_params: its arguments.
    """
    # Two threads that import the clients at once meet modules half made.
    with _importing:
        hook: JobHook = pkgutil.resolve_name(hook_class)(**hook_params)
    return hook


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


@dataclass(kw_only=True)
class _Wish:
    name: str
    due: float
    early: float
    answer: asyncio.Future[Job | Failure]


@dataclass(kw_only=True)
class Watch:
    """Makes the looks that its triggers ask for, due ones together, never two requests at a time.

    The hook is built, used and closed in a thread of the watch's own: credentials, connections and
    imports take their time there, and the event loop none.
    """

    scope: Scope
    users: int = 0
    _wishes: list[_Wish] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hook: JobHook | None = None
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="job-watch")
    )

    async def look(self, name: str, *, after: float = 0.0) -> Job | Failure:
        """Look at a job, at the earliest after so many seconds.

        :param name: the job.
        :param after: seconds to wait; spread a little, so that tasks which began together part.
        """
        loop = asyncio.get_running_loop()
        pause = after * random.uniform(1.0, 1.0 + TOGETHER)
        wish = _Wish(name=name, due=loop.time() + pause, early=pause * TOGETHER, answer=loop.create_future())
        self._wishes.append(wish)
        self._news.set()
        return await wish.answer

    async def run(self) -> None:
        """Make looks for as long as anybody asks; ends when cancelled."""
        try:
            while True:
                await self._round()
        finally:
            # However this ends: who still waits must hear of it, and not wait for ever.
            for wish in self._open():
                wish.answer.set_exception(RuntimeError("the watch of this job has ended"))

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        self._news.clear()
        self._wishes = self._open()
        due = min((wish.due for wish in self._wishes), default=None)
        if due is None or due > loop.time():
            # Not wait_for, which on Python 3.11 loses a cancellation that meets the news.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._news.wait()
            return
        now = [wish for wish in self._wishes if wish.due - wish.early <= loop.time()]
        looks = await self._look_up(list(dict.fromkeys(wish.name for wish in now)))
        missing = Failure(kind=FailureKind.MISSING, message="the service does not know the job")
        for wish in now:
            if not wish.answer.done():
                wish.answer.set_result(looks.get(wish.name, missing))

    def _open(self) -> list[_Wish]:
        return [wish for wish in self._wishes if not wish.answer.done()]

    async def _look_up(self, names: list[str]) -> Mapping[str, Job | Failure]:
        try:
            # Not asyncio.to_thread: what the hook asks of Airflow (its connection) finds its way back to
            # this event loop only from a thread that asgiref started.
            call = sync_to_async(self._ask, thread_sensitive=False, executor=self._thread)
            return await call(names)
        except Exception as error:
            # The hook could not be built: its connection or its credentials. Worth minutes, not an hour.
            failure = Failure(kind=FailureKind.DENIED, message=f"{type(error).__name__}: {error}"[:500])
            return dict.fromkeys(names, failure)

    def _ask(self, names: list[str]) -> Mapping[str, Job | Failure]:
        if self._hook is None:
            self._hook = build_hook(self.scope.hook_class, json.loads(self.scope.hook_params))
        return self._hook.look_up(names)

    def close(self) -> None:
        """Close the hook's connections, after the request under way; nobody waits for it."""
        self._thread.submit(self._close_hook)
        self._thread.shutdown(wait=False)

    def _close_hook(self) -> None:
        if self._hook is not None:
            self._hook.close()


_watches: dict[tuple[asyncio.AbstractEventLoop, Scope], tuple[Watch, asyncio.Task[None]]] = {}


@contextlib.asynccontextmanager
async def shared_watch(scope: Scope) -> AsyncIterator[Watch]:
    """Give out the watch of a scope: made for the first trigger that asks, closed after the last.

    :param scope: what the triggers have in common.
    """
    key = (asyncio.get_running_loop(), scope)
    if key not in _watches or _watches[key][1].done():
        made = Watch(scope=scope)
        # In a context of its own: in the first trigger's, all log lines would go to that task's log.
        _watches[key] = (made, key[0].create_task(made.run(), context=contextvars.Context()))
    watch, task = entry = _watches[key]
    watch.users += 1
    try:
        yield watch
    finally:
        # Nothing is awaited in here: Airflow repeats a kill each second, and the repetition, met by an
        # await, would take the place of the kill that on_kill is called for.
        watch.users -= 1
        if watch.users == 0:
            if _watches.get(key) is entry:
                del _watches[key]
            task.cancel()
            watch.close()
