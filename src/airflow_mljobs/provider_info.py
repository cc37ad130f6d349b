"""What Airflow shows of this provider; a mistake in here breaks the discovery of all providers."""

from __future__ import annotations

from typing import Any

VERTEX_AI = "Vertex AI jobs"


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
            }
        ],
        "hooks": [
            {
                "integration-name": VERTEX_AI,
                "python-modules": [
                    "airflow_mljobs.hooks.vertex_ai.custom_job",
                    "airflow_mljobs.hooks.vertex_ai.pipeline_job",
                ],
            }
        ],
        "operators": [
            {
                "integration-name": VERTEX_AI,
                "python-modules": [
                    "airflow_mljobs.operators.vertex_ai.custom_job",
                    "airflow_mljobs.operators.vertex_ai.pipeline_job",
                ],
            }
        ],
        "triggers": [
            {"integration-name": VERTEX_AI, "python-modules": ["airflow_mljobs.triggers.vertex_ai"]}
        ],
        "extra-links": [
            "airflow_mljobs.links.vertex_ai.CustomJobLink",
            "airflow_mljobs.links.vertex_ai.CustomJobListLink",
            "airflow_mljobs.links.vertex_ai.PipelineJobLink",
            "airflow_mljobs.links.vertex_ai.PipelineJobListLink",
        ],
    }
