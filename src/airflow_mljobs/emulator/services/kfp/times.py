"""Times as the server tells them: in whole seconds."""

from __future__ import annotations

from airflow_mljobs.emulator.clock import moment_of

SECOND = 1_000_000
"""The store counts microseconds."""


def timestamp(microseconds: int) -> str:
    """Write a time; 0, the epoch itself, is how the server says never."""
    return moment_of(microseconds // SECOND * SECOND).strftime("%Y-%m-%dT%H:%M:%SZ")
