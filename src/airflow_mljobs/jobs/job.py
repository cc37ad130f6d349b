"""A remote job as this package sees it, whichever service runs it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

ERROR_BYTES = 2_000
"""How much of a service's error text travels; a trigger's event stays under 4 KB with it."""

TASKS_NAMED = 8
"""How many tasks of a pipeline are named in one `Progress`."""


class JobStatus(StrEnum):
    """The four things a waiter needs to know, into which every service's states fall."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a pipeline has come, counted in its tasks; long name lists are cut."""

    total: int
    done: int
    running: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("running", "failed"):
            named = getattr(self, field)[:TASKS_NAMED]
            object.__setattr__(self, field, tuple(shorten(name, limit=65) for name in named))

    def __str__(self) -> str:
        parts = [f"{self.done} of {self.total} tasks done"]
        parts += [f"running: {', '.join(self.running)}"] if self.running else []
        parts += [f"failed: {', '.join(self.failed)}"] if self.failed else []
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One look at a remote job: the hook's answer, the trigger's payload and the operator's XCom.

    :param name: the job's full resource name on its service; the only id that is needed.
    :param state: the service's own word for where the job stands.
    :param status: what that word means for whoever waits.
    :param error: the service's reason for a failure, shortened to `ERROR_BYTES` in its middle.
    :param url: the job's page in the service's console.
    :param created: when the service accepted the job.
    :param started: when the work began.
    :param ended: when the job reached a final state.
    :param progress: for a pipeline, its tasks.
    """

    name: str
    state: str
    status: JobStatus
    error: str | None = None
    url: str | None = None
    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", shorten(self.error, limit=ERROR_BYTES))

    @property
    def duration(self) -> timedelta | None:
        """Time from the start of the work, or else from the creation, to the end."""
        begin = self.started or self.created
        return self.ended - begin if self.ended and begin else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the same keys always."""
        values = dataclasses.asdict(self)
        values["status"] = self.status.value
        for field in ("created", "started", "ended"):
            values[field] = values[field] and values[field].isoformat()
        if self.progress:
            values["progress"] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in values["progress"].items()
            }
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Job:
        """Rebuild what `to_dict` wrote."""
        fields = dict(values)
        fields["status"] = JobStatus(fields["status"])
        for field in ("created", "started", "ended"):
            fields[field] = fields[field] and datetime.fromisoformat(fields[field])
        if progress := fields["progress"]:
            fields["progress"] = Progress(
                total=progress["total"],
                done=progress["done"],
                running=tuple(progress["running"]),
                failed=tuple(progress["failed"]),
            )
        return cls(**fields)


def shorten(text: str, *, limit: int) -> str:
    """Cut the middle out of a text until its JSON form takes at most ``limit`` bytes, of some fifty or more.

    A summary stands at the beginning of an error, the exception itself at its end: both stay.
    """
    keep = len(text)
    short = text
    while len(json.dumps(short)) > limit:
        keep = min(keep - 1, keep * limit // len(json.dumps(short)))
        head = keep // 3
        short = f"{text[:head]} […] {text[len(text) - (keep - head) :]}"
    return short


def describe_change(before: Job | None, now: Job, *, lasted: timedelta | None = None) -> str | None:
    """Say in one line what is new since the last look, or nothing when nothing is.

    :param before: the job at the last look, if there was one.
    :param now: the job at this one.
    :param lasted: how long it was in the state of before.
    """
    if before is not None and (before.state, before.progress) == (now.state, now.progress):
        return None
    parts = [f"Job {now.name} is {now.state}"]
    if now.status is not JobStatus.ACTIVE and now.duration is not None:
        parts.append(f"after {format_duration(now.duration)}")
    elif lasted is not None and before is not None and before.state != now.state:
        parts.append(f"after {format_duration(lasted)} in {before.state}")
    line = " ".join(parts)
    return f"{line}: {now.progress}" if now.progress else line


def format_duration(duration: timedelta) -> str:
    """Write a duration as a person would: ``2 h 03 min``, ``4 min 10 s``, ``3.2 s``."""
    seconds = duration.total_seconds()
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
