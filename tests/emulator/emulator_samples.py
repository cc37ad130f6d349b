"""Jobs to submit to an emulator."""

from __future__ import annotations

import json
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
        "runtime_config": {"gcs_output_directory": "gs://bucket/pipelines"},
        **fields,
    }


def custom_job(**fields: Any) -> dict[str, Any]:
    """Describe a job of one container."""
    pool = {"container_spec": {"image_uri": "python:3.12"}, "replica_count": 1}
    return {"display_name": "train", "job_spec": {"worker_pool_specs": [pool]}, **fields}


def notebook(*cells: str) -> bytes:
    """Write a notebook of these cells; one that begins with # is a text."""
    written: list[dict[str, Any]] = [
        {"id": f"c{number}", "cell_type": "markdown", "metadata": {}, "source": cell}
        if cell.startswith("#")
        else {
            "id": f"c{number}",
            "cell_type": "code",
            "metadata": {},
            "source": cell,
            "outputs": [],
            "execution_count": None,
        }
        for number, cell in enumerate(cells)
    ]
    return json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def notebook_job(**fields: Any) -> dict[str, Any]:
    """Describe a job of one notebook."""
    return {
        "display_name": "daily",
        "direct_notebook_source": {"content": notebook("1 + 1")},
        "custom_environment_spec": {"machine_spec": {"machine_type": "e2-standard-4"}},
        "gcs_output_uri": "gs://bucket/out",
        "service_account": "runner@my-project.iam.gserviceaccount.com",
        **fields,
    }
