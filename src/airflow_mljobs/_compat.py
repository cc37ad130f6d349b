"""What not every version of Airflow has, or has in the same place; asked here, and nowhere else."""

from __future__ import annotations

from airflow.triggers.base import BaseTrigger

try:
    from airflow.sdk import literal
except ImportError:  # before 3.1.8 it is listed there, and cannot be imported
    from airflow.sdk.definitions.template import literal

__all__ = ["TRIGGERS_HEAR_KILLS", "literal"]

TRIGGERS_HEAR_KILLS = hasattr(BaseTrigger, "on_kill")
"""Airflow 3.3 tells a trigger that its task was killed; before, it looks like any other cancellation."""
