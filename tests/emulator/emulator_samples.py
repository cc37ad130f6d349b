"""Jobs to submit to an emulator."""

from __future__ import annotations

from typing import Any

PARENT = "projects/my-project/locations/europe-west4"


def pipeline_spec(*tasks: str, **parameters: dict[str, Any]) -> dict[str, Any]:
    """Compile by hand a pipeline whose tasks run one after the other."""
    names = tasks or ("prepare", "train", "evaluate")
    return {
        "pipelineInfo": {"name": "churn"},
        "schemaVersion": "2.1.0",
        "components": {f"comp-{name}": {"executorLabel": f"exec-{name}"} for name in names},
        "root": {
            "dag": {
                "tasks": {
                    name: {
                        "componentRef": {"name": f"comp-{name}"},
                        "dependentTasks": list(names[number - 1 : number]) if number else [],
                    }
                    for number, name in enumerate(names)
                }
            },
            "inputDefinitions": {"parameters": parameters},
        },
    }


def pipeline_job(*tasks: str, **fields: Any) -> dict[str, Any]:
    """Describe a job that runs such a pipeline."""
    return {
        "display_name": "churn",
        "pipeline_spec": pipeline_spec(*tasks),
        "runtime_config": {"gcs_output_directory": "gs://bucket/root"},
        **fields,
    }


def custom_job(**fields: Any) -> dict[str, Any]:
    """Describe a job of one container."""
    pool = {"container_spec": {"image_uri": "python:3.12"}, "replica_count": 1}
    return {"display_name": "train", "job_spec": {"worker_pool_specs": [pool]}, **fields}
