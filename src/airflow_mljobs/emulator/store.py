"""The state of the emulated services, in one SQLite file that outlives the process."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from airflow_mljobs.emulator.execution.base import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    phase TEXT NOT NULL,
    state TEXT NOT NULL,
    display_name TEXT NOT NULL,
    labels TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    error TEXT NOT NULL,
    extra TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT
);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (kind, parent, create_time);
CREATE INDEX IF NOT EXISTS jobs_by_phase ON jobs (phase);
-- Apart from the columns above, so that a search reads no resource that it does not answer with.
CREATE TABLE IF NOT EXISTS resources (
    name TEXT PRIMARY KEY REFERENCES jobs (name) ON DELETE CASCADE,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL REFERENCES jobs (name) ON DELETE CASCADE,
    due INTEGER NOT NULL,
    news TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS transitions_by_due ON transitions (due);
CREATE TABLE IF NOT EXISTS operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    parent TEXT NOT NULL,
    done_time INTEGER NOT NULL,
    awaits TEXT NOT NULL,
    content BLOB NOT NULL
);
-- What a service keeps beside its jobs; names are unique within a kind and a parent.
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL,
    created INTEGER NOT NULL,
    content TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    UNIQUE (kind, id),
    UNIQUE (kind, parent, name)
);
CREATE TABLE IF NOT EXISTS contexts (
    name TEXT PRIMARY KEY,
    content BLOB NOT NULL
);
"""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a job can be found and sorted by; times in microseconds since the epoch, 0 for never."""

    name: str
    kind: str
    parent: str
    phase: Phase
    state: str
    display_name: str
    labels: Mapping[str, str]
    create_time: int
    start_time: int
    end_time: int
    update_time: int
    error: str
    extra: Mapping[str, str]
    seq: int = 0

    @property
    def id(self) -> str:
        """The last part of the resource name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A piece of SQL that is true or false of a row, never null, and its parameters."""

    sql: str
    parameters: tuple[str | float, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        return Condition(sql=f"({self.sql} AND {other.sql})", parameters=self.parameters + other.parameters)

    def __or__(self, other: Condition) -> Condition:
        return Condition(sql=f"({self.sql} OR {other.sql})", parameters=self.parameters + other.parameters)

    def __invert__(self) -> Condition:
        return Condition(sql=f"(NOT {self.sql})", parameters=self.parameters)


_COLUMNS = tuple(column.name for column in fields(Record))
_WRITTEN = _COLUMNS[:-1]


class Store:
    """Keeps jobs; a transaction holds off every other thread, so what it reads stays true until it ends."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self.connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.connection.create_function(
            "regexp", 2, lambda pattern, text: re.search(pattern, text) is not None, deterministic=True
        )
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file, after the transaction under way."""
        with self._lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all that happens inside, or nothing; may be nested."""
        with self._lock:
            outermost = self._depth == 0
            self._depth += 1
            if outermost:
                self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if outermost:
                    self.connection.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self.connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def rows(self, sql: str, parameters: Sequence[str | float | bytes] = ()) -> list[tuple[str, ...]]:
        """Run one statement and fetch all that it gives."""
        with self._lock:
            return self.connection.execute(sql, parameters).fetchall()

    def save(self, record: Record, content: bytes) -> None:
        """Insert a job or write over it."""
        values = [getattr(record, column) for column in _WRITTEN]
        marks = ", ".join("?" * len(_WRITTEN))
        news = ", ".join(f"{column} = excluded.{column}" for column in _WRITTEN)
        with self.transaction():
            self.rows(
                f"INSERT INTO jobs ({', '.join(_WRITTEN)}) VALUES ({marks}) "
                f"ON CONFLICT (name) DO UPDATE SET {news}",
                [json.dumps(value) if isinstance(value, dict) else value for value in values],
            )
            self.rows("INSERT OR REPLACE INTO resources VALUES (?, ?)", (record.name, content))

    def get(self, name: str) -> Record | None:
        """Find a job by its full resource name."""
        found = self.find(Condition(sql="name = ?", parameters=(name,)))
        return found[0] if found else None

    def content(self, name: str) -> bytes:
        """Give the serialized resource of a job that exists."""
        with self._lock:
            row: tuple[bytes] = self.connection.execute(
                "SELECT content FROM resources WHERE name = ?", (name,)
            ).fetchone()
        return row[0]

    def find(self, condition: Condition, *, order: str = "seq", limit: int = -1) -> list[Record]:
        """Find jobs without touching their resources."""
        sql = f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE {condition.sql} ORDER BY {order} LIMIT ?"
        return [_record(row) for row in self.rows(sql, (*condition.parameters, limit))]

    def count(self, condition: Condition) -> int:
        """Count jobs."""
        return int(self.rows(f"SELECT COUNT(*) FROM jobs WHERE {condition.sql}", condition.parameters)[0][0])

    def active(self) -> list[Record]:
        """Find the jobs that have not ended."""
        finals = tuple(phase.value for phase in Phase if phase.is_final)
        return self.find(Condition(sql=f"phase NOT IN ({', '.join('?' * len(finals))})", parameters=finals))

    def remove(self, name: str) -> None:
        """Forget a job and what was to become of it."""
        self.rows("DELETE FROM jobs WHERE name = ?", (name,))


def _record(row: Sequence[str]) -> Record:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Record(
        **values
        | {
            "phase": Phase(values["phase"]),
            "labels": json.loads(values["labels"]),
            "extra": json.loads(values["extra"]),
        }
    )
