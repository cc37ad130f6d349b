"""Looks at many jobs of one place at the price of few requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from airflow_mljobs.hooks.gets import REFUSALS, Gets
from airflow_mljobs.hooks.listing import FEW, Listing
from airflow_mljobs.hooks.lists import Entry, Question, Surveyed
from airflow_mljobs.hooks.patience import PASSING
from airflow_mljobs.jobs import Failure, FailureKind, Job, JobStatus

log = logging.getLogger(__name__)

DETAILS = 5
"""How many jobs at work are got whole in one look for no more than their progress."""

ENDS = 20
"""The same of jobs that have ended, failures first; `JobHook.complete` is for those beyond."""

MISSED = 2
"""After as many lists without it, a job at work is not waited for in them: it has no label of ours."""

FORGET = 3600.0
"""Seconds after which what is known of a job that nobody asks for is forgotten."""


@dataclass(kw_only=True)
class _Known:
    """What the looks before told of a job that was at work, and the list's mark of that time."""

    asked: float = 0.0
    job: Job | None = None
    mark: Hashable = None
    mark_whole: Hashable = None
    got_whole: int = 0
    missed: int = 0

    @property
    def has_moved(self) -> bool:
        """Whether it may have changed since it was got whole."""
        return self.mark is None or self.mark != self.mark_whole


@dataclass(kw_only=True)
class Survey:
    """Chooses by cost between listing and getting, and remembers what makes the next look cheaper.

    :param hook: speaks to the service.
    :param parent: what the names of all the jobs begin with.
    :param clock: seconds, from whenever.
    """

    hook: Surveyed
    parent: str
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = field(default_factory=dict)
    _number: int = 0
    _listings: dict[tuple[bool, bool], Listing] = field(default_factory=dict)
    _gets: Gets = field(init=False)

    def __post_init__(self) -> None:
        self._gets = Gets(hook=self.hook)

    def look_at(self, names: Sequence[str]) -> Iterator[tuple[str, Job | Failure]]:
        """Look at jobs, and yield what is found as soon as it is, each name once.

        :param names: each once; their order does not matter.
        """
        self._begin(names)
        listed: dict[str, Job] = {}
        absent: set[str] = set()
        silence = self._list(names, listed, absent) if len(names) > FEW else None
        left = [name for name in names if name not in listed]
        whole = dict.fromkeys(self._wanted_whole(listed, details=0 if silence else DETAILS))
        for name, job in listed.items():
            if name not in whole:
                yield name, self._remember(name, job)
        if silence is not None:
            yield from ((name, silence) for name in left)
            left = []
        for name, look in self._gets.get([*left, *whole]):
            if name in listed:
                look = self._completed(name, listed[name], look)
            elif name in absent and isinstance(look, Job) and look.status is JobStatus.ACTIVE:
                self._known[name].missed += 1
            yield name, self._remember(name, look)

    def close(self) -> None:
        """End the threads."""
        self._gets.close()

    def _begin(self, names: Iterable[str]) -> None:
        self._number += 1
        now = self.clock()
        for name in [name for name, known in self._known.items() if now - known.asked > FORGET]:
            del self._known[name]
        for name in names:
            self._known.setdefault(name, _Known()).asked = now

    def _list(self, names: Sequence[str], listed: dict[str, Job], absent: set[str]) -> Failure | None:
        """Fill in what lists tell, and who stands in none; return why nobody else can be looked at, if so."""
        outsiders = [name for name in names if self._known[name].missed >= MISSED]
        insiders = set(names).difference(outsiders)
        for wanted, labelled in ((insiders, True), (set(outsiders), False)):
            try:
                absent |= self._sweep(names, wanted, listed, labelled=labelled)
            except _Silence as silence:
                return silence.failure
        return None

    def _sweep(
        self, names: Sequence[str], wanted: set[str], listed: dict[str, Job], *, labelled: bool
    ) -> set[str]:
        """Fill in those that are wanted, and return who stands in no list, though all of it was read."""
        if len(wanted) <= FEW or not self._read_list(names, wanted, listed, labelled=labelled, ended=False):
            return set()
        gone = wanted.difference(listed)
        if self.hook.lists_by_state and len(gone) > FEW:
            self._read_list(names, gone, listed, labelled=labelled, ended=True)
        return gone.difference(listed)

    def _read_list(
        self, names: Sequence[str], wanted: set[str], listed: dict[str, Job], *, labelled: bool, ended: bool
    ) -> bool:
        """Read a list for those that are wanted, and tell whether it named all that it could."""
        # Each with a fate of its own: one may be refused, or crowded, where another is not.
        made = Listing(hook=self.hook, clock=self.clock)
        listing = self._listings.setdefault((labelled, ended), made)
        if listing.rests(len(wanted)):
            return False
        ids = {name.rpartition("/")[2]: name for name in names}
        created = [job.created for name in wanted if (job := self._known[name].job) and job.created]
        question = Question(
            parent=self.parent,
            job_ids=[name.rpartition("/")[2] for name in wanted],
            ended=ended,
            labelled=labelled,
            since=min(created) if ended and created and len(wanted) - len(created) <= FEW else None,
        )

        def take(entries: Iterable[Entry]) -> bool:
            for entry in entries:
                name = ids.get(entry.job_id)
                if name is None or name in listed or (job := self._read(name, entry)) is None:
                    continue
                listed[name] = job
                if labelled:
                    self._known[name].missed = 0
            return wanted <= listed.keys()

        try:
            return listing.read(question, take)
        except Exception as error:  # whatever it is, the hook says what it means
            missing = wanted.difference(listed)
            if missing:  # what is wrong with the rest of a page need not be known
                self._bear(listing, self.hook.failure(error), probe=min(missing))
            return not missing

    def _bear(self, listing: Listing, failure: Failure, *, probe: str) -> None:
        """Leave a list alone that alone is refused; who is refused everything is asked no more."""
        if failure.kind in PASSING and not listing.is_silent_again():
            raise _Silence(failure)
        look = self.hook.look(probe)
        if isinstance(look, Failure) and look.kind in REFUSALS:
            raise _Silence(look)
        listing.refused(failure)

    def _read(self, name: str, entry: Entry) -> Job | None:
        known = self._known[name]
        if known.job is not None and entry.mark is not None and entry.mark == known.mark:
            return known.job
        try:
            job = entry.read()
        except Exception:  # it is got alone, and hides no other; what it meets there is told
            log.debug("Could not read %s in a list", name, exc_info=True)
            return None
        # An end is never answered from memory.
        if job.status is JobStatus.ACTIVE:
            if self.hook.lists_in_brief and known.job is not None:
                job = replace(job, progress=known.job.progress, error=job.error or known.job.error)
            known.job, known.mark = job, entry.mark
        elif self.hook.lists_in_brief and job.status is JobStatus.FAILED:
            job = replace(job, error=None)  # half of a reason would pass for the whole
        return job

    def _wanted_whole(self, listed: Mapping[str, Job], *, details: int) -> list[str]:
        """Return those to be got for what a list leaves out: why they failed, and how far they came."""
        if not self.hook.lists_in_brief:
            return []
        by_status: dict[JobStatus, list[str]] = {status: [] for status in JobStatus}
        for name, job in listed.items():
            by_status[job.status].append(name)
        ended = [
            *by_status[JobStatus.FAILED],
            *by_status[JobStatus.CANCELLED],
            *by_status[JobStatus.SUCCEEDED],
        ]
        moved = [name for name in by_status[JobStatus.ACTIVE] if self._known[name].has_moved]
        # Whose turn was the longest ago.
        moved.sort(key=lambda name: self._known[name].got_whole)
        return [*ended[: ENDS if details else 0], *moved[:details]]

    def _completed(self, name: str, brief: Job, look: Job | Failure) -> Job | Failure:
        known = self._known[name]
        known.got_whole = self._number
        if isinstance(look, Job):
            known.mark_whole = known.mark
            return look
        return brief

    def _remember(self, name: str, look: Job | Failure) -> Job | Failure:
        if isinstance(look, Job) and look.status is JobStatus.ACTIVE:
            self._known[name].job = look
        elif isinstance(look, Job) or look.kind is FailureKind.MISSING:
            del self._known[name]
        return look


class _Silence(Exception):
    """The service does not answer, and must not be asked once for each job."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
