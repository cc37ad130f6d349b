"""The tasks of a PipelineJob as its `job_detail` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from airflow_mljobs.emulator.execution.base import Phase, TaskUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_STATES: Mapping[Phase, str] = {
    Phase.QUEUED: "PENDING",
    Phase.PENDING: "PENDING",
    Phase.RUNNING: "RUNNING",
    Phase.SUCCEEDED: "SUCCEEDED",
    Phase.FAILED: "FAILED",
    Phase.CANCELLING: "CANCELLING",
    Phase.CANCELLED: "CANCELLED",
    Phase.SKIPPED: "SKIPPED",
}
_UNFINISHED = frozenset({"PENDING", "RUNNING", "CANCELLING"})


class TaskDetails:
    """Reads and writes the task details of one job."""

    def __init__(self, job_detail: Any) -> None:
        self._details = job_detail.task_details

    def announce(self, names: Sequence[str], first_id: int, at: datetime) -> None:
        """List the tasks of a new job, none of which has begun."""
        for number, name in enumerate(names):
            task = self._details.add(task_id=first_id + number, task_name=name, task_unique_name=name)
            task.create_time.FromDatetime(at)
            _enter(task, "PENDING", at)

    def update(self, news: Sequence[TaskUpdate], at: datetime) -> None:
        """Keep what became of tasks; one not heard of before runs inside a nested pipeline."""
        known = {task.task_name: task for task in self._details}
        for update in news:
            if update.name not in known:
                self.announce([update.name], self._next_id(), at)
                known[update.name] = self._details[-1]
            task = known[update.name]
            if _state(task) not in _UNFINISHED:
                continue
            if update.phase is Phase.FAILED:
                task.error.code = grpc.StatusCode.FAILED_PRECONDITION.value[0]
                task.error.message = update.error or f"The task {update.name} failed."
            elif update.phase is Phase.CANCELLED:
                task.error.code = grpc.StatusCode.CANCELLED.value[0]
                task.error.message = update.error or "CANCELED"
            _enter(task, _STATES[update.phase], at)

    def close(self, phase: Phase, at: datetime) -> None:
        """Settle the tasks that a job leaves behind at its end: those never begun were not triggered."""
        left = Phase.SUCCEEDED if phase is Phase.SUCCEEDED else Phase.CANCELLED
        for task in self._details:
            if _state(task) == "PENDING":
                _enter(task, "NOT_TRIGGERED", at)
            elif _state(task) in _UNFINISHED:
                self.update([TaskUpdate(name=task.task_name, phase=left)], at)

    def failed(self) -> list[str]:
        """Name the tasks that failed."""
        return [task.task_name for task in self._details if _state(task) == "FAILED"]

    def shown(self) -> list[tuple[str, str]]:
        """Pair each task with its state."""
        return [(task.task_name, _state(task)) for task in self._details]

    def _next_id(self) -> int:
        return max((task.task_id for task in self._details), default=0) + 1


def _state(task: Any) -> str:
    return str(task.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number[task.state].name)


def _enter(task: Any, state: str, at: datetime) -> None:
    task.state = task.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_name[state].number
    if state == "RUNNING":
        task.start_time.FromDatetime(at)
    elif state not in _UNFINISHED:
        task.end_time.FromDatetime(at)
    status = task.pipeline_task_status.add(state=task.state)
    status.update_time.FromDatetime(at)
    if task.HasField("error"):
        status.error.CopyFrom(task.error)
