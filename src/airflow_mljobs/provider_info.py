"""What Airflow shows of this provider; a mistake in here breaks the discovery of all providers."""

from __future__ import annotations

from typing import Any

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
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "port", "login"],
            "relabeling": {"host": "URL of the server", "password": "Bearer token"},
            "placeholders": {"host": "https://kubeflow.example/pipeline"},
        },
        "conn-fields": {
            "auth": _field(
                "Authentication",
                "How to show who is asking; left out, the first credential given below decides.",
                enum=[
                    "none",
                    "bearer",
                    "token_file",
                    "cookie",
                    "headers",
                    "google_id_token",
                    "google_access_token",
                ],
            ),
            "token_file": _field("Token file", "Read for every request, so that it may be rotated."),
            "cookies": _field("Cookies", "As a browser sends them.", format="password"),
            "headers": _field("Headers", "JSON object, sent with every request.", format="password"),
            "iap_client_id": _field("IAP client id", "OAuth client of Google's Identity-Aware Proxy."),
            "namespace": _field("Namespace", "Of the runs; multi-user servers ask for it."),
            "api_version": _field(
                "API version", "auto asks the server.", enum=["auto", "v1beta1", "v2beta1"], default="auto"
            ),
            "ui_url": _field("URL of the pages", "Where run pages are, if not below the server's URL."),
            "verify_ssl": _field(
                "Verify TLS", "Check the server's certificate.", kind="boolean", default=True
            ),
            "ssl_ca_cert": _field("CA file", "Authorities to trust."),
            "cert_file": _field("Client certificate", "File; comes together with its key."),
            "key_file": _field("Client key", "File."),
            "proxy": _field("HTTP proxy", "URL."),
            "connect_timeout": _field("Connect timeout", "Seconds.", kind="integer", default=10, minimum=1),
            "read_timeout": _field("Read timeout", "Seconds.", kind="integer", default=60, minimum=1),
        },
    }


def _field(label: str, description: str, *, kind: str = "string", **rules: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **rules}}
