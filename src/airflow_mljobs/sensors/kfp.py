"""Sensor for Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mljobs.operators.kfp import OneKFPRunOperator
from airflow_mljobs.sensors.base import JobSensor
from airflow_mljobs.triggers.kfp import KFPRunTrigger


class KFPRunSensor(OneKFPRunOperator, JobSensor):
    """Waits for a run."""

    trigger_class = KFPRunTrigger
    template_fields: Sequence[str] = OneKFPRunOperator.template_fields
