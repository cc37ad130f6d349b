"""What the emulator asks of an engine, in words that no service owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Phase(StrEnum):
    """Where a job, or a task of a pipeline, stands; each service has its own word for each."""

    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in {Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class TaskUpdate:
    """What became of one task inside a pipeline."""

    name: str
    phase: Phase
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Update:
    """News of a job: a new phase, the reason of its failure, or the tasks that moved."""

    phase: Phase | None = None
    error: str | None = None
    tasks: Sequence[TaskUpdate] = field(default_factory=tuple)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A compiled pipeline, as JSON, and what to run it with, whichever service was given it.

    :param arguments: values for its parameters.
    :param root: the address below which this one run leaves its artifacts; empty where none was named.
    """

    spec: Mapping[str, Any]
    arguments: Mapping[str, Any]
    root: str


@dataclass(frozen=True, kw_only=True)
class StoredJob:
    """A job as the store holds it: its full resource name, its kind, its phase and its resource.

    The resource is the service's own: a message, or the JSON of a service that speaks no other language. A
    pipeline stands beside it, for it has the same form in all services.
    """

    name: str
    kind: str
    phase: Phase
    labels: dict[str, str]
    resource: Any
    pipeline: Pipeline | None = None
    failure: str = ""
    """Why it fails, where nothing really does."""


Report = Callable[[str, Update], None]
"""Takes the full resource name of a job and the news of it; the store keeps what it is told."""


class Engine(Protocol):
    """Carries a job from its creation to its end."""

    def start(self, job: StoredJob) -> None:
        """Begin a job just created; returns at once, the news follow by `Report`."""

    def cancel(self, job: StoredJob) -> None:
        """Stop an active job, already CANCELLING; returns at once, CANCELLED follows by `Report`."""

    def recover(self, jobs: Sequence[StoredJob]) -> None:
        """Take up, or settle, the jobs that were active when an earlier emulator on this store ended."""

    def close(self) -> None:
        """End everything that this engine started on this machine."""
