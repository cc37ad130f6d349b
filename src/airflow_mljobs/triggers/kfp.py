"""Trigger for Kubeflow Pipelines."""

from __future__ import annotations

from airflow_mljobs.triggers.base import JobTrigger


class KFPRunTrigger(JobTrigger):
    """Waits for a run of Kubeflow Pipelines; its ``job_name`` is the run's id."""

    hook_class = "airflow_mljobs.hooks.kfp:KFPRunHook"
