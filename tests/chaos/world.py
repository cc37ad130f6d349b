"""What there is to see of Airflow and of the services, and how long to look for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil

from processes import StackError
from stack import Stack

T = TypeVar("T")

EVERY = 0.25
"""Seconds between two looks, made once for all trials."""


PAGE = 100
"""The most that Airflow returns at once."""


class TooLate(AssertionError):
    """What a trial waited for did not come about; says what there was instead."""


@dataclass(kw_only=True)
class World:
    """Looks for all trials at once, and lets each wait for what it needs to see.

    :param stack: a running Airflow and emulator.
    :param within: seconds for each thing that is waited for.
    """

    stack: Stack
    within: float = 180.0
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    _seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    _watched: set[str] = field(default_factory=set)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _loss: StackError | None = None
    _news: threading.Condition = field(default_factory=threading.Condition)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> World:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="world")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._ended.set()

    def watch(self, run_id: str) -> None:
        """Look at the task of a run from now on."""
        self._watched.add(run_id)

    def forget(self, run_id: str) -> None:
        """Look at it no more."""
        self._watched.discard(run_id)

    def look_again(self, runs: Iterable[str]) -> None:
        """Look at the tasks of runs, and at the jobs, once and now."""
        with self._looking:
            self._look(runs)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """Look at nothing meanwhile: a server is ended and another one started in its place."""
        with self._looking:
            yield

    @contextmanager
    def slowed(self, times: float) -> Iterator[None]:
        """Give everything so many times longer."""
        within, self.within = self.within, self.within * times
        try:
            yield
        finally:
            self.within = within

    def check(self) -> None:
        """Raise when a server has ended by itself: whatever is seen from then on says nothing of the trials.

        :raises StackError: with the server's name and its last words.
        """
        if self._loss:
            raise self._loss

    def wait(self, look: Callable[[], T | None], *, what: str) -> T:
        """Return the first answer that is not empty, asked for again after each look at the world.

        :raises TooLate: when there is none in time.
        """
        until = time.monotonic() + self.within
        while not (answer := look()):
            if time.monotonic() > until or self._ended.is_set():
                raise TooLate(f"{what} did not come within {self.within:.0f} s")
            with self._news:
                self._news.wait(timeout=1.0)
        return answer

    def pause(self, seconds: float) -> None:
        """Let time pass, unless the world ends."""
        self._ended.wait(seconds)

    def jobs_of(self, name: str) -> list[dict[str, Any]]:
        """Return the jobs that carry a trial's name, oldest first."""
        return sorted(_of(name, self.jobs), key=lambda job: str(job["created"]))

    def names_of(self, name: str) -> list[str]:
        """Return the names of all jobs that ever carried a trial's name, deleted ones included."""
        return [job["name"] for job in _of(name, self._seen.values())]

    def process_of(self, run_id: str) -> psutil.Process | None:
        """Return the process that works on a task, when one does."""
        task = self.tasks.get(run_id, {})
        if task.get("state") != "running" or not task.get("pid"):
            return None
        return next((p for p in self.stack.servers.processes() if p.pid == task["pid"]), None)

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            with self._looking:
                try:
                    self.stack.servers.check()
                except StackError as error:
                    self._loss = error
                    self.end()
                    return
                with suppress(OSError, StackError):  # one that is too busy answers at the next look
                    self._look(self._watched)

    def _look(self, runs: Iterable[str]) -> None:
        jobs = self.stack.emulator.jobs()
        tasks = self._tasks_of(sorted(runs))
        with self._news:
            self.jobs = jobs
            self._seen |= {job["name"]: job for job in jobs}
            self.tasks |= tasks
            self._news.notify_all()

    def _tasks_of(self, runs: list[str]) -> dict[str, dict[str, Any]]:
        found = []
        for begin in range(0, len(runs), PAGE):
            body = {"dag_run_ids": runs[begin : begin + PAGE], "page_limit": PAGE}
            path = "dags/~/dagRuns/~/taskInstances/list"
            found += self.stack.airflow.api("POST", path, json=body)["task_instances"]
        return {task["dag_run_id"]: task for task in found}


def _of(name: str, jobs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [job for job in jobs if name in f"{job['display_name']} {job['labels'].get('name')}"]
