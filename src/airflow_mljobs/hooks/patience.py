"""How long a call that may safely be repeated is repeated while it meets errors that pass."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import tenacity

from airflow_mljobs.jobs import FailureKind

log = logging.getLogger(__name__)

T = TypeVar("T")

PASSING = frozenset({FailureKind.UNAVAILABLE, FailureKind.QUOTA})
"""What a service says that is down for a while: it is asked again, but not once for each job."""

MOST_PAUSE = 15.0
"""Seconds between two attempts, however long they may go on."""

ATTEMPTS = 8
"""How many there is time for at least, each of which is answered at once: who has little time asks often."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """The time until which a call is repeated, as the monotonic clock has it.

    :param until: when no other attempt begins, and the last error is raised.
    :param denied_until: the same for an attempt that was answered 401 or 403, as it is for minutes while
        grants and rotated keys spread.
    :param most_pause: seconds between two attempts, at the most.
    """

    until: float
    denied_until: float
    most_pause: float

    @classmethod
    def lasting(cls, *, within: float, denied_within: float) -> Patience:
        """Make one that begins now.

        :param within: its seconds.
        :param denied_within: its seconds for refusals, never more.
        """
        now = time.monotonic()
        return cls(
            until=now + within,
            denied_until=now + min(within, denied_within),
            most_pause=min(MOST_PAUSE, within / ATTEMPTS),
        )

    @classmethod
    def at_hand(cls) -> Patience:
        """Return that of the whole call which is under way here, or none at all."""
        return _at_hand.get()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the parts of what is called in here share this patience."""
        token = _at_hand.set(self)
        try:
            yield
        finally:
            _at_hand.reset(token)

    def repeat(
        self,
        kind_of: Callable[[BaseException], FailureKind],
        call: Callable[..., T],
        *args: Any,
        **kwargs: Any,
    ) -> T:
        """Call until there is an answer, an error that does not pass, or no time.

        :param kind_of: says what an error means.
        :param call: what to call with the other arguments.
        """

        def may_pass(error: BaseException) -> bool:
            kind = kind_of(error)
            if kind is FailureKind.DENIED:
                return time.monotonic() < self.denied_until
            return kind in PASSING

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=tenacity.wait_random_exponential(multiplier=min(1.0, self.most_pause), max=self.most_pause),
            stop=tenacity.stop_before_delay(self.until - time.monotonic()),
            before_sleep=tenacity.before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        return retrying(call, *args, **kwargs)


NONE = Patience(until=0.0, denied_until=0.0, most_pause=0.0)
"""That of a call which nobody repeats."""

_at_hand: ContextVar[Patience] = ContextVar("patience", default=NONE)
