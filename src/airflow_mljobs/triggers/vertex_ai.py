"""Triggers for Vertex AI."""

from __future__ import annotations

from airflow_mljobs.triggers.base import JobTrigger


class PipelineJobTrigger(JobTrigger):
    """Waits for a pipeline job."""

    hook_class = "airflow_mljobs.hooks.vertex_ai.pipeline_job:PipelineJobHook"


class NotebookExecutionJobTrigger(JobTrigger):
    """Waits for a notebook execution job."""

    hook_class = "airflow_mljobs.hooks.vertex_ai.notebook_execution_job:NotebookExecutionJobHook"


class CustomJobTrigger(JobTrigger):
    """Waits for a custom job."""

    hook_class = "airflow_mljobs.hooks.vertex_ai.custom_job:CustomJobHook"
