"""What a planner makes of a job, and what it has to work with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_mljobs.emulator.execution.base import Phase, StoredJob, TaskUpdate, Update

PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""All that a job sees of the emulator's own environment, beside the search path."""

TAIL_LINES = 10
TAIL_BYTES = 1500


class Refused(Exception):
    """The job cannot run, or go on; the message is for its owner."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a job finds and leaves its things."""

    gcs: Path
    folder: Path
    log: Path

    def environment(self, *, python: Path) -> dict[str, str]:
        """Return the bare environment of a container: a home of its own, none of the user's secrets."""
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        search_path = os.pathsep.join((str(python.parent), os.environ.get("PATH", os.defpath)))
        # Unbuffered, so that the log shows progress while it is made.
        return {**passed_on, "HOME": str(self.folder), "PATH": search_path, "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended, or why it could not start; the tail is the end of its output."""

    log: Path
    returncode: int
    tail: str = ""
    start_error: str | None = None


class News(Protocol):
    """Understands what a process tells of itself while it runs."""

    def read(self, line: str) -> Update:
        """Return the meaning of one line."""

    def settle(self, phase: Phase) -> Sequence[TaskUpdate]:
        """Return the last word on the tasks left open by a process that ended the job in this phase."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run for a job, and how to understand it."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    explain: Callable[[Ended], str | None]
    """Says why a process failed; None where its tasks say it."""
    timeout: float | None = None
    news: News | None = None


class Planner(Protocol):
    """Turns a job of one kind into a plan."""

    async def __call__(self, job: StoredJob, place: Place) -> Plan:
        """Prepare everything that the job needs; raise `Refused` where it cannot run."""


def tail(text: str) -> str:
    """Return the last lines of an output, short enough for an error message."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]
    return "\n".join(lines).encode()[-TAIL_BYTES:].decode(errors="ignore")


def tail_of(log: Path) -> str:
    """Return the last lines of a log, however large it is."""
    with log.open("rb") as output:
        # Blank lines are not kept, so somewhat more than the tail has to be read.
        output.seek(max(0, log.stat().st_size - 16 * TAIL_BYTES))
        return tail(output.read().decode(errors="replace"))
