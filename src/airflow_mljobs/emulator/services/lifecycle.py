"""What becomes of a job, whatever its service and the form of its resource."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.emulator.execution.base import Engine, Phase, Pipeline, StoredJob, Update

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.store import Record, Store

WAITING = frozenset({Phase.QUEUED, Phase.PENDING})
STARTED = frozenset({Phase.RUNNING, Phase.SUCCEEDED})


class Lifecycle(ABC):
    """Keeps the jobs of one kind: a final state never changes, and a job being cancelled can only end.

    A subclass declares its ``noun`` and its word for each phase, and reads, changes and saves resources.
    """

    noun: ClassVar[str]
    states: ClassVar[Mapping[Phase, str]]
    first_phase: ClassVar[Phase]
    failure: ClassVar[str] = (
        "The replica workerpool0-0 exited with a non-zero status of 1. Termination reason: Error."
    )
    """The service's words for a failure that is only simulated."""
    page: ClassVar[str] = ""
    """Where the service's own console shows a job, with the parts of its name in braces; of a fragment, what
    follows its sign."""

    def __init__(self, *, store: Store, clock: Clock, engine: Engine) -> None:
        self.store = store
        self.clock = clock
        self.engine = engine

    @abstractmethod
    def load(self, record: Record) -> Any:
        """Read the resource of a record."""

    @abstractmethod
    def as_json(self, resource: Any) -> dict[str, Any]:
        """Show a resource to a person."""

    @abstractmethod
    def enter(self, resource: Any, phase: Phase, error: str | None, at: datetime) -> None:
        """Write a new phase, and the times and the error that go with it, into a resource."""

    @abstractmethod
    def save(self, resource: Any, phase: Phase, at: datetime, earlier: Record | None) -> Record:
        """Keep a resource, and what it can be found by."""

    @abstractmethod
    def name_behind(self, place: Mapping[str, str]) -> str:
        """Return the name of the job that a page of the service's console is about."""

    def track(self, resource: Any, update: Update, at: datetime) -> None:  # noqa: B027 (may stay empty)
        """Keep the news of the tasks inside a job."""

    def pipeline(self, record: Record, resource: Any) -> Pipeline | None:
        """Return the pipeline that a job is, if it is one."""
        return None

    def tasks(self, resource: Any) -> list[tuple[str, str]]:
        """Return the names and states of the tasks inside a job, for people to see."""
        return []

    def begin(self, resource: Any, at: datetime) -> None:
        """Keep a new job in its first phase; to be called in the transaction that found its name free."""
        self.enter(resource, self.first_phase, None, at)
        self.save(resource, self.first_phase, at, None)

    def start(self, record: Record) -> None:
        """Hand a new job to the engine; to be called once the transaction is over."""
        self.engine.start(self.stored(record, self.load(record)))

    def stop(self, record: Record) -> None:
        """Ask an active job to end; asking again changes nothing."""
        if record.phase.is_final or record.phase is Phase.CANCELLING:
            return
        self.report(record.name, Update(phase=Phase.CANCELLING), self.clock.now())
        current = self.store.get(record.name)
        if current is not None and not current.phase.is_final:
            self.engine.cancel(self.stored(current, self.load(current)))

    def report(self, name: str, update: Update, at: datetime) -> None:
        """Keep the news that an engine has of a job; of a finished job there is none."""
        with self.store.transaction():
            record = self.store.get(name)
            if record is None or record.phase.is_final:
                return
            resource = self.load(record)
            phase = update.phase or record.phase
            if record.phase is Phase.CANCELLING and not phase.is_final:
                phase = Phase.CANCELLING
            if record.phase is Phase.RUNNING and phase in WAITING:
                # A run that is tried again has never stopped running for its service; its engine queues it.
                phase = Phase.RUNNING
            self.track(resource, update, at)
            if phase is not record.phase:
                self.enter(resource, phase, update.error, at)
            self.save(resource, phase, at, record)

    def stored(self, record: Record, resource: Any) -> StoredJob:
        """Show a job to an engine."""
        return StoredJob(
            name=record.name,
            kind=self.noun,
            phase=record.phase,
            labels=dict(record.labels),
            resource=resource,
            pipeline=self.pipeline(record, resource),
            failure=self.failure,
        )
