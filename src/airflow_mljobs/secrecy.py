"""Which names say that what they name is secret."""

from __future__ import annotations

import re

SECRET_NAME = re.compile(
    r"passw(or)?d|passphrase|passcode|pass(?![a-z])|secret|token(?!i[sz])|credential|cookie"
    r"|(private|api|access|auth)[_-]?key",
    re.IGNORECASE,
)
"""A tokenizer is no token, and a passenger no password: models are full of both."""


def is_secret(name: object) -> bool:
    """Whether a name says that its value is nobody else's business."""
    return bool(SECRET_NAME.search(str(name)))
