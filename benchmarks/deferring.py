"""What a worker's process spends from its start until its task is deferred; prints JSON.

It starts as a fork of one that has imported Airflow, whose imports therefore come before the measure.

``python -m benchmarks.deferring DAG_FILE``
"""

from __future__ import annotations

import json
import runpy
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

# What every worker has imported by the time it learns of its task.
import airflow.sdk.execution_time.task_runner  # noqa: F401
from airflow.sdk.exceptions import TaskDeferred


@dataclass(kw_only=True)
class TaskInstance:
    """What an operator asks of Airflow up to its deferral: who the task is, and a place for its XComs."""

    dag_id: str
    task_id: str
    run_id: str = field(default_factory=lambda: f"manual__{uuid.uuid4()}")
    map_index: int = -1
    max_tries: int = 0
    try_number: int = 1
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.xcoms[key] = value


def main() -> None:
    """Parse the DAG, run its one task until it defers, and tell the seconds of CPU that it took."""
    spent = time.process_time()
    dag = runpy.run_path(sys.argv[1])["dag"]
    (operator,) = dag.tasks
    ti = TaskInstance(dag_id=dag.dag_id, task_id=operator.task_id)
    try:
        operator.execute({"ti": ti, "task": operator})
    except TaskDeferred:
        print(json.dumps({"cpu": time.process_time() - spent}))
        return
    raise SystemExit("the task ended without being deferred")


if __name__ == "__main__":
    main()
