"""The tasks of a run as its details list them: those that have been heard of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import grpc

from airflow_mljobs.emulator.execution.base import Phase, TaskUpdate

STATES: Mapping[Phase, str] = {
    Phase.QUEUED: "PENDING",
    Phase.PENDING: "PENDING",
    Phase.RUNNING: "RUNNING",
    Phase.SUCCEEDED: "SUCCEEDED",
    Phase.FAILED: "FAILED",
    Phase.CANCELLING: "CANCELING",
    # The server tells of the workflow, to which whatever was cut off has failed.
    Phase.CANCELLED: "FAILED",
    Phase.SKIPPED: "SKIPPED",
}
_UNFINISHED = frozenset({"PENDING", "RUNNING"})

Task = dict[str, Any]


def update(tasks: list[Task], run_id: str, news: Sequence[TaskUpdate], at: str) -> None:
    """Keep what became of tasks; of one that has finished there is no news."""
    known = {task["display_name"]: task for task in tasks}
    for item in news:
        task = known.get(item.name)
        if task is None:
            task = known[item.name] = _announce(run_id, item.name, at)
            tasks.append(task)
        state = STATES[item.phase]
        if task["state"] in _UNFINISHED and task["state"] != state:
            _enter(task, item.phase, item.error, at)


def close(tasks: list[Task], run_id: str, phase: Phase, at: str) -> None:
    """Settle the tasks that a run leaves behind at its end: those that never began were skipped."""
    left = Phase.SUCCEEDED if phase is Phase.SUCCEEDED else Phase.CANCELLED
    fates = {"PENDING": Phase.SKIPPED, "RUNNING": left}
    update(
        tasks,
        run_id,
        [
            TaskUpdate(name=task["display_name"], phase=fates[task["state"]])
            for task in tasks
            if task["state"] in fates
        ],
        at,
    )


def reopen(tasks: list[Task], at: str) -> None:
    """Make ready to run again what did not succeed."""
    for task in tasks:
        if task["state"] != "SUCCEEDED":
            for field in ("error", "start_time", "end_time"):
                task.pop(field, None)
            _enter(task, Phase.PENDING, None, at)


def failures(tasks: Sequence[Task]) -> list[str]:
    """Say of each failed task why it failed."""
    return [f"{task['display_name']}: {task['error']['message']}" for task in tasks if "error" in task]


def _announce(run_id: str, name: str, at: str) -> Task:
    return {
        "run_id": run_id,
        "task_id": str(uuid5(NAMESPACE_URL, f"{run_id}/{name}")),
        "display_name": name,
        "create_time": at,
        "state": "PENDING",
        "state_history": [{"update_time": at, "state": "PENDING"}],
    }


def _enter(task: Task, phase: Phase, error: str | None, at: str) -> None:
    task["state"] = STATES[phase]
    task["state_history"].append({"update_time": at, "state": task["state"]})
    if phase is Phase.RUNNING:
        task["start_time"] = at
    elif phase.is_final:
        task["end_time"] = at
    if task["state"] == "FAILED":
        message = error or ("The task was stopped." if phase is Phase.CANCELLED else "The task failed.")
        task["error"] = {"code": grpc.StatusCode.INTERNAL.value[0], "message": message}
