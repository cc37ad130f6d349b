"""Sensors for Vertex AI."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mljobs.operators.vertex_ai.custom_job import OneCustomJobOperator
from airflow_mljobs.operators.vertex_ai.notebook_execution_job import OneNotebookExecutionJobOperator
from airflow_mljobs.operators.vertex_ai.pipeline_job import OnePipelineJobOperator
from airflow_mljobs.sensors.base import JobSensor
from airflow_mljobs.triggers.vertex_ai import (
    CustomJobTrigger,
    NotebookExecutionJobTrigger,
    PipelineJobTrigger,
)


class PipelineJobSensor(OnePipelineJobOperator, JobSensor):
    """Waits for a pipeline job."""

    trigger_class = PipelineJobTrigger
    template_fields: Sequence[str] = OnePipelineJobOperator.template_fields


class CustomJobSensor(OneCustomJobOperator, JobSensor):
    """Waits for a custom job."""

    trigger_class = CustomJobTrigger
    template_fields: Sequence[str] = OneCustomJobOperator.template_fields


class NotebookExecutionJobSensor(OneNotebookExecutionJobOperator, JobSensor):
    """Waits for a notebook execution job."""

    trigger_class = NotebookExecutionJobTrigger
    template_fields: Sequence[str] = OneNotebookExecutionJobOperator.template_fields
