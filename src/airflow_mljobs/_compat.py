"""What only newer versions of Airflow have; asked here, and nowhere else."""

from __future__ import annotations

from airflow.triggers.base import BaseTrigger

TRIGGERS_HEAR_KILLS = hasattr(BaseTrigger, "on_kill")
"""Airflow 3.3 tells a trigger that its task was killed; before, it looks like any other cancellation."""
