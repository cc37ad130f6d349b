"""What is going to happen to simulated jobs, kept in the store: it needs no thread and survives a restart."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_mljobs.emulator.clock import microseconds
from airflow_mljobs.emulator.execution.base import Phase, TaskUpdate, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_mljobs.emulator.store import Store

Event = tuple[datetime, Update]


class Agenda:
    """The transitions that wait for their time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, name: str, events: Sequence[Event]) -> None:
        """Note what becomes of a job, and when."""
        with self._store.transaction():
            for due, update in events:
                self._store.rows(
                    "INSERT INTO transitions (name, due, news) SELECT name, ?, ? FROM jobs WHERE name = ?",
                    (microseconds(due), _write(update), name),
                )

    def has(self, name: str) -> bool:
        """Tell whether anything is noted for a job."""
        return bool(self._store.rows("SELECT 1 FROM transitions WHERE name = ? LIMIT 1", (name,)))

    def drop(self, name: str) -> None:
        """Strike out all that is noted for a job."""
        self._store.rows("DELETE FROM transitions WHERE name = ?", (name,))

    def clear(self) -> None:
        """Strike out everything: another engine has taken over."""
        self._store.rows("DELETE FROM transitions")

    def settle(self, now: datetime, apply: Callable[[str, Update, int], None]) -> None:
        """Let happen all that is due, each at its own time and all in order."""
        due = "due <= ?"
        if not self._store.rows(f"SELECT 1 FROM transitions WHERE {due} LIMIT 1", (microseconds(now),)):
            return
        with self._store.transaction():
            events = self._store.rows(
                f"SELECT name, news, due FROM transitions WHERE {due} ORDER BY due, id", (microseconds(now),)
            )
            self._store.rows(f"DELETE FROM transitions WHERE {due}", (microseconds(now),))
            for name, news, moment in events:
                apply(name, _read(news), int(moment))


def _write(update: Update) -> str:
    return json.dumps(
        {
            "phase": update.phase,
            "error": update.error,
            "tasks": [[task.name, task.phase, task.error] for task in update.tasks],
        }
    )


def _read(text: str) -> Update:
    news = json.loads(text)
    return Update(
        phase=Phase(news["phase"]) if news["phase"] else None,
        error=news["error"],
        tasks=tuple(
            TaskUpdate(name=name, phase=Phase(phase), error=error) for name, phase, error in news["tasks"]
        ),
    )
