"""Gets jobs one by one, some at once, and leaves off where the service refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from airflow_mljobs.hooks.patience import PASSING
from airflow_mljobs.jobs import Failure, FailureKind, Job

if TYPE_CHECKING:
    from airflow_mljobs.hooks.lists import Surveyed

REFUSALS = PASSING | {FailureKind.DENIED}
"""What a service says of all jobs alike."""


@dataclass(kw_only=True)
class Gets:
    """Asks a hook for whole jobs.

    :param hook: speaks to the service.
    """

    hook: Surveyed
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        # Its threads are kept, since some clients keep a connection for each.
        self._pool = ThreadPoolExecutor(max_workers=self.hook.gets_at_once, thread_name_prefix="job-get")

    def get(self, names: Sequence[str]) -> Iterator[tuple[str, Job | Failure]]:
        """Get jobs, and yield each as it comes; who was not asked for any more has the last refusal."""
        stop = Event()
        last: Failure | None = None
        refused = 0
        unasked = []
        for name, found in self._answers(names, stop):
            if found is None:
                unasked.append(name)
                continue
            yield name, found
            if not isinstance(found, Failure) or found.kind not in REFUSALS:
                refused = 0
                continue
            refused += 1
            if refused >= self.hook.gets_at_once + 1 or _asks_to_be_left(found):
                last = found
                stop.set()
        if last is not None:
            for name in unasked:
                yield name, last

    def _answers(self, names: Sequence[str], stop: Event) -> Iterator[tuple[str, Job | Failure | None]]:
        def look(name: str) -> Job | Failure | None:
            return None if stop.is_set() else self.hook.look(name)

        # In this thread: the client may have to be built, of a connection that only it can read.
        alone = names if self.hook.gets_at_once == 1 else names[:1]
        for name in alone:
            yield name, look(name)
        pending = {self._pool.submit(look, name): name for name in names[len(alone) :]}
        for future in as_completed(pending):
            yield pending[future], future.result()

    def close(self) -> None:
        """End the threads, after the requests under way; nobody waits for them."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _asks_to_be_left(look: Job | Failure) -> bool:
    return isinstance(look, Failure) and (look.kind is FailureKind.QUOTA or look.retry_after is not None)
