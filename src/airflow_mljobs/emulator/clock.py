"""The emulator's time, which a test may push forward instead of sleeping."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

_EPOCH = datetime.fromtimestamp(0, UTC)


def microseconds(moment: datetime) -> int:
    """Count the microseconds since the epoch, the form in which the store keeps and compares times."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(count: int) -> datetime:
    """Turn microseconds since the epoch back into a time."""
    return _EPOCH + timedelta(microseconds=count)


def rfc3339(count: int) -> str | None:
    """Write microseconds since the epoch for people; 0 stands for never."""
    return moment_of(count).isoformat() if count else None


class Clock:
    """The real time plus an offset that only grows."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._closed = False
        self._moved = threading.Condition()

    @property
    def offset(self) -> float:
        """How many seconds the clock runs ahead of the real time."""
        return self._offset.total_seconds()

    def now(self) -> datetime:
        """Tell the emulator's time, in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the time forward; what falls due by it happens before the next request is answered."""
        if seconds < 0:
            msg = f"seconds must not be negative, got {seconds}: a finished job cannot start again"
            raise ValueError(msg)
        with self._moved:
            self._offset += timedelta(seconds=seconds)
            self._moved.notify_all()

    def wait_until(self, moment: datetime, *, timeout: float) -> None:
        """Block until a moment of the emulator's time, or until the timeout in real time."""
        with self._moved:
            patience = max(0.0, min(timeout, (moment - self.now()).total_seconds()))
            self._moved.wait_for(lambda: self._closed or self.now() >= moment, timeout=patience)

    def close(self) -> None:
        """Release whoever waits."""
        with self._moved:
            self._closed = True
            self._moved.notify_all()
