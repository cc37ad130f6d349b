"""What Airflow shows of this provider; a mistake in here breaks the discovery of all providers."""

from __future__ import annotations

from typing import Any

from airflow_mljobs import connection_form

VERTEX_AI = "Vertex AI jobs"
AI_PLATFORM = "AI Platform jobs"
KUBEFLOW_PIPELINES = "Kubeflow Pipelines"


def get_provider_info() -> dict[str, Any]:
    """Return the metadata that Airflow discovers through the entry point."""
    return {
        "package-name": "airflow-provider-mljobs",
        "name": "ML jobs",
        "description": "Runs ML jobs exactly once, with a local backend to try them on.",
        "integrations": [
            {
                "integration-name": VERTEX_AI,
                "external-doc-url": "https://cloud.google.com/vertex-ai/docs",
                "tags": ["gcp"],
            },
            {
                "integration-name": AI_PLATFORM,
                "external-doc-url": "https://cloud.google.com/ai-platform/docs",
                "tags": ["gcp"],
            },
            {
                "integration-name": KUBEFLOW_PIPELINES,
                "external-doc-url": "https://www.kubeflow.org/docs/components/pipelines/",
                "tags": ["kubernetes"],
            },
        ],
        "hooks": [
            {
                "integration-name": VERTEX_AI,
                "python-modules": [
                    "airflow_mljobs.hooks.vertex_ai.custom_job",
                    "airflow_mljobs.hooks.vertex_ai.notebook_execution_job",
                    "airflow_mljobs.hooks.vertex_ai.pipeline_job",
                ],
            },
            {"integration-name": AI_PLATFORM, "python-modules": ["airflow_mljobs.hooks.mlengine"]},
            {"integration-name": KUBEFLOW_PIPELINES, "python-modules": ["airflow_mljobs.hooks.kfp"]},
        ],
        "operators": [
            {
                "integration-name": VERTEX_AI,
                "python-modules": [
                    "airflow_mljobs.operators.vertex_ai.custom_job",
                    "airflow_mljobs.operators.vertex_ai.notebook_execution_job",
                    "airflow_mljobs.operators.vertex_ai.pipeline_job",
                ],
            },
            {"integration-name": AI_PLATFORM, "python-modules": ["airflow_mljobs.operators.mlengine"]},
            {"integration-name": KUBEFLOW_PIPELINES, "python-modules": ["airflow_mljobs.operators.kfp"]},
        ],
        "sensors": [
            {"integration-name": VERTEX_AI, "python-modules": ["airflow_mljobs.sensors.vertex_ai"]},
            {"integration-name": AI_PLATFORM, "python-modules": ["airflow_mljobs.sensors.mlengine"]},
            {"integration-name": KUBEFLOW_PIPELINES, "python-modules": ["airflow_mljobs.sensors.kfp"]},
        ],
        "triggers": [
            {"integration-name": VERTEX_AI, "python-modules": ["airflow_mljobs.triggers.vertex_ai"]},
            {"integration-name": AI_PLATFORM, "python-modules": ["airflow_mljobs.triggers.mlengine"]},
            {"integration-name": KUBEFLOW_PIPELINES, "python-modules": ["airflow_mljobs.triggers.kfp"]},
        ],
        "connection-types": [_kfp_connection()],
        "extra-links": [
            "airflow_mljobs.links.kfp.KFPRunLink",
            "airflow_mljobs.links.kfp.KFPRunListLink",
            "airflow_mljobs.links.mlengine.MLEngineJobLink",
            "airflow_mljobs.links.mlengine.MLEngineJobListLink",
            "airflow_mljobs.links.vertex_ai.CustomJobLink",
            "airflow_mljobs.links.vertex_ai.CustomJobListLink",
            "airflow_mljobs.links.vertex_ai.NotebookExecutionJobLink",
            "airflow_mljobs.links.vertex_ai.NotebookExecutionJobListLink",
            "airflow_mljobs.links.vertex_ai.PipelineJobLink",
            "airflow_mljobs.links.vertex_ai.PipelineJobListLink",
        ],
    }


def _kfp_connection() -> dict[str, Any]:
    return {
        "connection-type": "kfp",
        "hook-class-name": "airflow_mljobs.hooks.kfp.KFPRunHook",
        "hook-name": KUBEFLOW_PIPELINES,
        "ui-field-behaviour": connection_form.behaviour(),
        "conn-fields": connection_form.fields(),
    }
