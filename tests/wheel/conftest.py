"""The wheel and an environment that holds nothing else; `scripts/matrix.py` makes and names both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def named(variable: str) -> Path:
    """Return what a run of the matrix is about."""
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set: `make wheel` builds a wheel, installs it, and runs these")
    return Path(os.environ[variable])


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The file."""
    return named("MLJOBS_WHEEL")


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of an environment with the wheel and what that depends on."""
    return named("MLJOBS_WHEEL_PYTHON")
