"""What a test asks to go wrong, and the count of the requests that arrived."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import grpc

KEPT = 5_000
"""How many requests' words are kept at most: those that came last."""


def matches(wanted: str, method: str) -> bool:
    """Tell whether a full method name ends in the one wanted, by whole parts; `*` is any."""
    return wanted in {"*", method} or method.endswith((f"/{wanted}", f".{wanted}"))


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Bad luck for the next `times` requests whose full method name ends in `method` (`*`: any).

    With `containing` only those that hold this text are hit, with `share` only so many of them, by chance.
    `code` is the answer instead of the service's own. With `after_commit` the request is carried out, and the
    client still sees only a lost connection. `latency`, in seconds, comes before the request is carried out,
    or with `after_commit` between that and the loss; alone it delays an otherwise good answer.
    `retry_after`, in seconds, is how long the answer of `code` asks the client to wait.
    """

    method: str
    code: grpc.StatusCode | None = None
    message: str = ""
    latency: float = 0.0
    after_commit: bool = False
    times: int = 1
    containing: str = ""
    share: float = 1.0
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if self.times < 1:
            msg = f"times must be at least 1, got {self.times}"
            raise ValueError(msg)
        if self.latency < 0:
            msg = f"latency must not be negative, got {self.latency}"
            raise ValueError(msg)
        if not 0 < self.share <= 1:
            msg = f"share must be greater than 0 and at most 1, got {self.share}"
            raise ValueError(msg)
        if self.code is None and not self.latency and not self.after_commit:
            msg = "a fault needs a code, a latency or after_commit"
            raise ValueError(msg)


class Faults:
    """A queue of faults: each is used up by the requests that it hits, the oldest first."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def add(
        self,
        *,
        method: str,
        code: grpc.StatusCode | str | None = None,
        message: str = "",
        latency: float = 0.0,
        after_commit: bool = False,
        times: int = 1,
        containing: str = "",
        share: float = 1.0,
        retry_after: float | None = None,
    ) -> Fault:
        """Queue a fault; `code` may be the name of a gRPC status code."""
        if isinstance(code, str):
            try:
                code = grpc.StatusCode[code]
            except KeyError as error:
                msg = f"code must be the name of a gRPC status code, got {code!r}"
                raise ValueError(msg) from error
        fault = Fault(
            method=method,
            code=code,
            message=message,
            latency=latency,
            after_commit=after_commit,
            times=times,
            containing=containing,
            share=share,
            retry_after=retry_after,
        )
        with self._lock:
            self._queue.append(fault)
        return fault

    def take(self, method: str, text: Callable[[], str]) -> Fault | None:
        """Use up one turn of the oldest fault that hits a request.

        :param method: the request's full method name.
        :param text: gives the request as text, for the faults that ask what it contains.
        """
        with self._lock:
            for position, fault in enumerate(self._queue):
                if (
                    matches(fault.method, method)
                    and (not fault.containing or fault.containing in text())
                    and (fault.share == 1 or random.random() < fault.share)
                ):
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._queue[position : position + 1] = left
                    return fault
        return None

    def pending(self) -> list[Fault]:
        """List what no request has met yet: a leftover shows that the failure never happened."""
        with self._lock:
            return list(self._queue)

    def clear(self, *, containing: str | None = None) -> None:
        """Forget all faults, or those that are meant for requests that contain just this text."""
        with self._lock:
            self._queue = [
                fault for fault in self._queue if containing is not None and fault.containing != containing
            ]

    def delay(self, fault: Fault) -> None:
        """Hold the request back for the fault's latency, unless the emulator is stopping."""
        if fault.latency:
            self._closed.wait(fault.latency)

    def close(self) -> None:
        """Release the requests that are being held back."""
        self._closed.set()


class Requests:
    """How many requests arrived, by full method name, those that met a fault included.

    What they said is kept for the methods named to `keep`, so that those that contain a text can be counted.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._keeping: set[str] = set()
        self._kept: deque[tuple[str, str]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def keep(self, method: str) -> None:
        """Keep from now on what requests say whose full method name ends in this one."""
        with self._lock:
            self._keeping.add(method)

    def record(self, method: str, text: Callable[[], str]) -> None:
        """Count one request.

        :param method: its full method name.
        :param text: gives the request as text, for methods of which it is kept.
        """
        with self._lock:
            self._counts[method] += 1
            if any(matches(wanted, method) for wanted in self._keeping):
                self._kept.append((method, text()))

    def counts(self, *, containing: str = "") -> dict[str, int]:
        """Give the count of each method that was called; with a text, of kept requests that contain it."""
        with self._lock:
            if containing:
                return dict(Counter(method for method, text in self._kept if containing in text))
            return dict(self._counts)

    def count(self, method: str) -> int:
        """Give the count of the methods that end in this name, as a fault's `method` would match them."""
        return sum(count for name, count in self.counts().items() if matches(method, name))

    def reset(self) -> None:
        """Start counting from zero."""
        with self._lock:
            self._counts.clear()
            self._kept.clear()
