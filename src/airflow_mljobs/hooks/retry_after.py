"""Reads for how long a service asks to be left alone."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST = 86_400.0
"""Seconds that are believed."""


def seconds_in(text: str | None) -> float | None:
    """Return the seconds in a ``Retry-After``, which is a number of them or a date.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after

    :param text: the header's value, if there is one; what cannot be read counts as none.
    """
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # TypeError: a date without its zone
            return None
    return min(max(seconds, 0.0), MOST) if math.isfinite(seconds) else None
