"""Sensor for AI Platform."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mljobs.operators.mlengine import OneMLEngineJobOperator
from airflow_mljobs.sensors.base import JobSensor
from airflow_mljobs.triggers.mlengine import MLEngineJobTrigger


class MLEngineJobSensor(OneMLEngineJobOperator, JobSensor):
    """Waits for an AI Platform job."""

    trigger_class = MLEngineJobTrigger
    template_fields: Sequence[str] = OneMLEngineJobOperator.template_fields
