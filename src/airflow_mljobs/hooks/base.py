"""What every service's hook can do, so that one operator, trigger and sensor serve them all."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_mljobs.hooks.outcome import error_text
from airflow_mljobs.hooks.patience import PASSING, Patience
from airflow_mljobs.hooks.survey import Survey
from airflow_mljobs.jobs import (
    Attempt,
    Failure,
    FailureKind,
    Finish,
    GiveUp,
    Job,
    JobStatus,
    Poller,
    TaskIdentity,
    Teller,
    Wait,
    describe_miss,
)

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_mljobs.hooks.lists import Page, Question

T = TypeVar("T")

REASON_WITHIN = 60.0
"""Seconds for which the reason for a failure is asked for, when the failure itself is known."""


class JobHook(ABC):
    """Finds, watches and ends the jobs of one service; every call is synchronous.

    A subclass declares `states` and says how to talk to its service. Names are full resource names.
    """

    states: ClassVar[Mapping[str, JobStatus]]
    """What each of the service's state words means; a word not in here is taken for active."""

    cancels_by: ClassVar[str] = "cancel"
    """What `cancel_job` asks of the service, for the sentences that tell of it."""

    cancelling: ClassVar[frozenset[str]] = frozenset()
    """Those of the words that say: it is at work still, but can only end cancelled."""

    lists_by_state: ClassVar[bool] = False
    """Whether a list can be asked for the jobs at work, and for those that have ended, apart."""

    gets_at_once: ClassVar[int] = 8
    """How many jobs are got at the same time, at the most."""

    @abstractmethod
    def get_job(self, name: str) -> Job:
        """Look at one job."""

    @abstractmethod
    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find all jobs below ``parent`` that this task instance ever started, newest first."""

    def job_id_of(self, identity: TaskIdentity, *, attempt: int) -> str | None:
        """Return the id that is made for a task's job, or nothing where the service makes its own."""
        return None

    @abstractmethod
    def cancel_job(self, name: str) -> None:
        """Ask the service to stop a job; one that has ended, or is gone, is fine."""

    def delete_job(self, name: str) -> None:
        """Delete a job that has ended; one that is gone is fine.

        :raises NotImplementedError: where the service deletes no job.
        """
        raise NotImplementedError(f"{type(self).__name__}: the service deletes no job, asked for {name}")

    def command_for(self, name: str) -> str:
        """Return a command for a shell that shows a job, for a person who looks for it; or nothing."""
        return ""

    @abstractmethod
    def failure_kind(self, error: BaseException) -> FailureKind:
        """Say what an error of this service's client means."""

    def close(self) -> None:
        """Close what this hook opened; a subclass adds its connections."""
        for survey in vars(self).pop("_surveys", {}).values():
            survey.close()

    def is_transient(self, error: BaseException) -> bool:
        """Whether the same request may well succeed a little later."""
        return self.failure_kind(error) in PASSING

    def unseen_for(self, error: BaseException) -> float:
        """Return for how many seconds a job may stay unseen whose submit took effect, and met this error."""
        return 0.0

    @property
    def lists_in_brief(self) -> bool:
        """Whether a job in a list lacks its progress, and the reason for its failure."""
        return False

    @abstractmethod
    def page_of(self, question: Question, then: Any) -> Page:
        """List jobs as briefly as the service can, a page for each request.

        :param question: which jobs.
        :param then: what the page before names for the next one; nothing, for the first.
        """

    def retry_after(self, error: BaseException) -> float | None:
        """Return the seconds for which the service asks to be left alone, where it does."""
        return None

    def look_up(self, names: Iterable[str]) -> dict[str, Job | Failure]:
        """Look at many jobs at the price of few requests; how, is chosen by cost.

        What went wrong with one of them says nothing about another, but a list that the service owes is a
        failure of all whom it left unanswered. What is remembered between two looks is the hook's, so that
        one hook serves one caller at a time.

        :param names: the jobs, best of one place: each place has lists of its own.
        """
        return dict(self.look_at(names))

    def look_at(self, names: Iterable[str]) -> Iterator[tuple[str, Job | Failure]]:
        """Look at many jobs as `look_up` does, and yield each as soon as it is known.

        :param names: the jobs.
        """
        places: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            places.setdefault(name.rpartition("/")[0], []).append(name)
        for place, there in places.items():
            if place not in self._surveys:
                self._surveys[place] = Survey(hook=self, parent=place.rpartition("/")[0])
            yield from self._surveys[place].look_at(there)

    @cached_property
    def _surveys(self) -> dict[str, Survey]:
        return {}

    def look(self, name: str) -> Job | Failure:
        """Look at one job, and bring what went wrong as a value."""
        try:
            return self.get_job(name)
        except Exception as error:  # whatever it is, the poller decides what it means
            return self.failure(error)

    def look_and_decide(
        self,
        name: str,
        *,
        poller: Poller,
        teller: Teller,
        logger: Logger,
        clock: Callable[[], float] = time.time,
    ) -> tuple[Job | Failure, Finish | Wait | GiveUp]:
        """Look at one job, log what is new, or what went wrong, and return the look and what follows.

        :param name: the job.
        :param poller: decides what follows.
        :param teller: knows what was told before.
        :param logger: where it is told.
        :param clock: the time in seconds since 1970, as the poller's deadline has it.
        """
        look, now = self.look(name), clock()
        decision = poller.after(look, now=now)
        if isinstance(look, Failure):
            logger.warning(describe_miss(name, look, decision))
        elif change := teller.tell(look, now=now):
            logger.info(change)
        return look, decision

    def complete(self, job: Job) -> Job:
        """Return a failed job with the reason that a look at many left out, or with why it cannot be had.

        Of many jobs that fail together a watch tells no more than that; who reports one gets its reason.

        :param job: one that failed, without an error.
        """
        try:
            return self.insist(self.get_job, job.name, within=REASON_WITHIN)
        except Exception as error:  # that it failed is true without
            return replace(job, error=f"its reason could not be asked for ({error_text(error)})")

    def failure(self, error: BaseException) -> Failure:
        """Say what an error means for whoever waits."""
        return Failure(
            kind=self.failure_kind(error), message=error_text(error), retry_after=self.retry_after(error)
        )

    @property
    def end_words(self) -> list[str]:
        """The words for a job that has ended."""
        return [state for state, status in self.states.items() if status is not JobStatus.ACTIVE]

    def status_of(self, state: str) -> JobStatus:
        """Translate a state word; a word that the service has only just learned is taken for active."""
        if state in self.states:
            return self.states[state]
        if state not in self._strange:
            self._strange.add(state)
            log.warning(
                "State %s is not known to this version of the provider, and a newer one may know it; the job "
                "is taken to be active",
                state,
            )
        return JobStatus.ACTIVE

    @cached_property
    def _strange(self) -> set[str]:
        return set()

    def insist(
        self,
        call: Callable[..., T],
        *args: Any,
        within: float = 300.0,
        denied_within: float = 0.0,
        **kwargs: Any,
    ) -> T:
        """Repeat a call that may safely be repeated while it meets transient errors.

        :param call: what to call with the other arguments.
        :param within: seconds after which no other attempt begins, and the last error is raised.
        :param denied_within: the same for an attempt that was answered 401 or 403, as it is for minutes
            while grants and rotated keys spread.
        """
        patience = Patience.lasting(within=within, denied_within=denied_within)
        with patience.held():
            return patience.repeat(self.failure_kind, call, *args, **kwargs)

    def insist_on_part(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Repeat one of several requests of a call that is insisted on, instead of the call from its start.

        Of many requests in a row, one fails too often for the whole ever to succeed where half of all do.

        :param call: what to call with the other arguments; it is called once where nobody insists.
        """
        return Patience.at_hand().repeat(self.failure_kind, call, *args, **kwargs)

    def wait_for_job(
        self,
        name: str,
        *,
        poller: Poller,
        logger: Logger,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Finish | GiveUp:
        """Look at a job until the poller decides that it is over, and log what changes.

        :param name: the job.
        :param poller: decides after each look.
        :param logger: where changes and failed looks are told.
        :param clock: the time in seconds, as the poller's deadline has it.
        :param sleep: waits for so many seconds.
        """
        teller = Teller()
        while True:
            _, decision = self.look_and_decide(name, poller=poller, teller=teller, logger=logger, clock=clock)
            if isinstance(decision, Finish | GiveUp):
                return decision
            sleep(decision.seconds)
