"""The least that each Run operator is made of, with what can be built without its service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unit_samples import public_classes

from airflow_mljobs.operators.base import RunJobOperator

PIPELINE = str(Path(__file__).parents[3] / "example_dags" / "pipelines" / "train_and_evaluate.yaml")
LEAST: dict[str, dict[str, Any]] = {
    "RunPipelineJobOperator": {"region": "europe-west4", "display_name": "Train", "template_path": PIPELINE},
    "RunCustomJobOperator": {"region": "europe-west4", "custom_job": {}},
    "RunNotebookExecutionJobOperator": {"region": "europe-west4", "notebook_execution_job": {}},
    "RunMLEngineJobOperator": {"job": {}},
    "RunKFPPipelineOperator": {"pipeline_file": PIPELINE},
    "RetryKFPRunOperator": {"run_id": "r"},
}

RUN_OPERATORS = public_classes("operators", RunJobOperator)
BODIES = [(kind, field) for kind in RUN_OPERATORS for field in kind.bodies]
"""Each body of each Run operator."""


def make(kind: type[Any], **fields: Any) -> Any:
    """Make a Run operator of the least, and the named fields."""
    return kind(**{"task_id": "run"} | LEAST[kind.__name__] | fields)
