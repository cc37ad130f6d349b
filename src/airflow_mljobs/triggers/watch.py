"""One watch for all the triggers of a triggerer that ask the same service in the same place."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import pkgutil
import random
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async

from airflow_mljobs.jobs import Failure, FailureKind, Job

if TYPE_CHECKING:
    from airflow_mljobs.hooks.base import JobHook

log = logging.getLogger(__name__)

T = TypeVar("T")

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
    _wishes: dict[str, list[_Wish]] = field(default_factory=dict)
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
        wish = _Wish(due=loop.time() + pause, early=pause * TOGETHER, answer=loop.create_future())
        self._wishes.setdefault(name, []).append(wish)
        self._news.set()
        return await wish.answer

    async def run(self) -> None:
        """Make looks for as long as anybody asks; ends when cancelled."""
        try:
            await self._run()
        except Exception as error:  # a fault of ours must end the waiting, not hang it
            for wish in (wish for wishes in self._wishes.values() for wish in wishes):
                if not wish.answer.done():
                    wish.answer.set_exception(error)
            raise

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._forget_the_gone()
            self._news.clear()
            due = min((wish.due for wishes in self._wishes.values() for wish in wishes), default=None)
            if due is None or due > loop.time():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), None if due is None else due - loop.time())
                continue
            await self._answer(self._take_due(loop.time()))

    async def _answer(self, wishes: dict[str, list[_Wish]]) -> None:
        try:
            looks = await self._in_thread(self._look_up, list(wishes))
        except Exception as error:  # building the hook failed: its connection, its credentials
            failure = Failure(kind=FailureKind.UNAVAILABLE, message=f"{type(error).__name__}: {error}"[:500])
            looks = dict.fromkeys(wishes, failure)
        missing = Failure(kind=FailureKind.MISSING, message="the service does not know the job")
        for name, askers in wishes.items():
            for wish in askers:
                if not wish.answer.done():
                    wish.answer.set_result(looks.get(name, missing))

    def _look_up(self, names: list[str]) -> dict[str, Job | Failure]:
        if self._hook is None:
            self._hook = build_hook(self.scope.hook_class, json.loads(self.scope.hook_params))
        return self._hook.look_up(names)

    def _take_due(self, now: float) -> dict[str, list[_Wish]]:
        names = [name for name, ws in self._wishes.items() if any(w.due - w.early <= now for w in ws)]
        return {name: self._wishes.pop(name) for name in names}

    def _forget_the_gone(self) -> None:
        for name, wishes in list(self._wishes.items()):
            waiting = [wish for wish in wishes if not wish.answer.done()]
            if waiting:
                self._wishes[name] = waiting
            else:
                del self._wishes[name]

    async def _in_thread(self, call: Callable[..., T], *args: Any) -> T:
        # Not asyncio.to_thread: what the hook asks of Airflow (its connection) finds its way back to this
        # event loop only from a thread that asgiref started.
        return await sync_to_async(call, thread_sensitive=False, executor=self._thread)(*args)

    async def close(self) -> None:
        """Close the hook's connections."""
        if self._hook is not None:
            with contextlib.suppress(Exception):
                await self._in_thread(self._hook.close)
        self._thread.shutdown(wait=False)


_watches: dict[tuple[asyncio.AbstractEventLoop, Scope], tuple[Watch, asyncio.Task[None]]] = {}


@contextlib.asynccontextmanager
async def shared_watch(scope: Scope) -> AsyncIterator[Watch]:
    """Give out the watch of a scope: made for the first trigger that asks, closed after the last.

    :param scope: what the triggers have in common.
    """
    key = (asyncio.get_running_loop(), scope)
    if key not in _watches:
        watch = Watch(scope=scope)
        # In a context of its own: in the first trigger's, all log lines would go to that task's log.
        task = key[0].create_task(watch.run(), context=contextvars.Context())
        _watches[key] = (watch, task)
    watch, task = _watches[key]
    watch.users += 1
    try:
        yield watch
    finally:
        watch.users -= 1
        if watch.users == 0 and _watches.get(key) == (watch, task):
            del _watches[key]
            task.cancel()
            await asyncio.wait([task])
            await watch.close()
