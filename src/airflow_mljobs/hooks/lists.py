"""How a hook tells what its service lists, so that one survey serves them all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from airflow_mljobs.jobs import Failure, Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One job in a list.

    :param job_id: the last part of its name; the parts before it may be written in two ways.
    :param mark: changes whenever the job does; nothing where the list does not tell.
    :param read: makes the job of it, as far as the list tells.
    """

    job_id: str
    mark: Hashable
    read: Callable[[], Job]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What one request for a list brought.

    :param entries: its jobs, to be read once: to keep thousands would make Python look for garbage.
    :param size: how many they are.
    :param then: what to ask for the next page with; nothing, when none follows.
    """

    entries: Iterable[Entry]
    size: int
    then: Any


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a list is asked for; a service that cannot leave out the rest brings it along.

    :param parent: what the jobs' names begin with.
    :param job_ids: the jobs that are looked for.
    :param ended: jobs that have ended, and not those at work.
    :param labelled: jobs with the label that a task gives to its job, and no others.
    :param since: jobs that were created then or later.
    """

    parent: str
    job_ids: Sequence[str]
    ended: bool = False
    labelled: bool = True
    since: datetime | None = None


class Surveyed(Protocol):
    """What is asked of a hook; see `hooks.base.JobHook`."""

    lists_by_state: ClassVar[bool]
    gets_at_once: ClassVar[int]

    @property
    def lists_in_brief(self) -> bool:
        """Whether a job in a list lacks its progress, and the reason for its failure."""

    def page_of(self, question: Question, then: Any) -> Page:
        """Answer a part of a question with one request."""

    def look(self, name: str) -> Job | Failure:
        """Get one job."""

    def failure(self, error: BaseException) -> Failure:
        """Say what an error means."""
