"""Reads a list page by page, and leaves it alone while it is not worth its price."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_mljobs.hooks.patience import Patience
from airflow_mljobs.jobs import Failure, FailureKind

if TYPE_CHECKING:
    from airflow_mljobs.hooks.lists import Entry, Page, Question, Surveyed

log = logging.getLogger(__name__)

FEW = 5
"""As many jobs are got one by one rather than listed, which also tells how far a pipeline has come."""

LISTED_PER_GET = 50
"""Jobs in a list that cost as much as one that is got: some hundreds of bytes each, against tens of kB."""

CROWDED = 300.0
"""Seconds for which a list is left alone that costs more than its jobs one by one."""

REFUSED = (60.0, 3600.0)
"""The same for one that is refused: at first, and at the most, each time twice as long."""

SILENCES = 3
"""After as many in a row it is asked whether only the list is out of order."""

NEXT_PAGE = 5.0
"""Seconds for which the next page of a list is asked for again, when it meets silence."""


@dataclass(kw_only=True)
class Listing:
    """One kind of list in one place.

    :param hook: speaks to the service.
    :param clock: seconds, from whenever.
    """

    hook: Surveyed
    clock: Callable[[], float]
    _rests_until: float = 0.0
    _rests_for: float = 0.0
    _pause: float = REFUSED[0]
    _silences: int = 0

    def rests(self, count: int) -> bool:
        """Tell whether it is left alone by looks at so many jobs: for more of them it may be worth it."""
        return self.clock() < self._rests_until and count <= self._rests_for

    def read(self, question: Question, take: Callable[[Iterable[Entry]], bool]) -> bool:
        """Read it until there is no more, or no need, and tell whether that was worth its price.

        :param question: what to list.
        :param take: takes the jobs of a page, and tells whether all that are wanted were seen.
        """
        then, cost = None, 0.0
        while True:
            page = self._page(question, then)
            is_enough = take(page.entries)
            then = page.then
            if is_enough or not then:
                self._silences, self._pause = 0, REFUSED[0]
                return True
            cost += 1 + page.size / LISTED_PER_GET
            if cost >= len(question.job_ids) / 2:
                self._rest(CROWDED, count=2 * len(question.job_ids))
                return False

    def refused(self, failure: Failure) -> None:
        """Leave it alone for a while: grants spread, and what a service cannot do today it may do later."""
        log.warning(
            "Jobs cannot be listed, and are got one by one for the next %.0f s: %s",
            self._pause,
            failure.message,
        )
        self._rest(self._pause, count=math.inf)
        self._pause = min(2 * self._pause, REFUSED[1])

    def is_silent_again(self) -> bool:
        """Note that it met silence, and tell whether it has done so too often."""
        self._silences += 1
        return self._silences >= SILENCES

    def _rest(self, seconds: float, *, count: float) -> None:
        self._rests_until, self._rests_for = self.clock() + seconds, count

    def _page(self, question: Question, then: Any) -> Page:
        if then is None:
            return self.hook.page_of(question, then)
        # Of many pages in a row, one fails too often for the last ever to be seen in a storm.
        patience = Patience.lasting(within=NEXT_PAGE, denied_within=0.0)
        return patience.repeat(self._kind_amid, self.hook.page_of, question, then)

    def _kind_amid(self, error: BaseException) -> FailureKind:
        failure = self.hook.failure(error)
        is_silence = failure.kind is FailureKind.UNAVAILABLE and failure.retry_after is None
        return failure.kind if is_silence else FailureKind.OTHER
