"""Trigger for AI Platform."""

from __future__ import annotations

from airflow_mljobs.triggers.base import JobTrigger


class MLEngineJobTrigger(JobTrigger):
    """Waits for an AI Platform job."""

    hook_class = "airflow_mljobs.hooks.mlengine:MLEngineJobHook"
