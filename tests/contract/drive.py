"""Runs a task in either mode as Airflow does, without Airflow's processes."""

from __future__ import annotations

import asyncio
import json
import pkgutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_mljobs.operators.base import RunJobOperator
from airflow_mljobs.sensors.base import JobSensor
from airflow_mljobs.triggers.base import JobTrigger

EVENT_BYTES = 4096


@dataclass(kw_only=True)
class Task:
    """What Airflow hands to an operator: who the task is, and where its XComs go."""

    dag_id: str = "contract"
    run_id: str = field(default_factory=lambda: f"manual__{uuid.uuid4()}")
    task_id: str = "run"
    map_index: int = -1
    max_tries: int = 2
    try_number: int = 1
    xcoms: dict[str, Any] = field(default_factory=dict)
    outlet_events: OutletEventAccessors = field(default_factory=OutletEventAccessors)
    rescheduled: datetime | None = None

    def get_first_reschedule_date(self, context: Any) -> datetime | None:
        """Return when this try was first rescheduled, if it was."""
        return self.rescheduled

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep an XCom."""
        self.xcoms[key] = value

    def xcom_pull(self, *, key: str, task_ids: str, map_indexes: int) -> Any:
        """Return an XCom of this task instance."""
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return self.xcoms.get(key)

    @property
    def context(self) -> Any:
        """The context of one try."""
        return {"ti": self, "outlet_events": self.outlet_events}

    def cleared(self) -> Task:
        """Return the task instance as a user's clear leaves it."""
        return Task(run_id=self.run_id, map_index=self.map_index, max_tries=self.max_tries + 3)


def reborn(trigger: Any) -> JobTrigger:
    """Return the trigger as a triggerer rebuilds it from the database."""
    path, kwargs = trigger.serialize()
    rebuilt = pkgutil.resolve_name(path)(**json.loads(json.dumps(kwargs)))
    assert isinstance(rebuilt, JobTrigger)
    return rebuilt


async def first_event(trigger: JobTrigger) -> dict[str, Any]:
    """Run a trigger until it fires, and return what it says as the database keeps it."""
    async for event in trigger.run():
        payload = json.dumps(event.payload)
        assert len(payload) < EVENT_BYTES
        return dict(json.loads(payload))
    raise AssertionError("the trigger ended without an event")


def run_task(make: Callable[..., RunJobOperator], task: Task, *, mode: str, **kwargs: Any) -> dict[str, Any]:
    """Run a task to its end, each phase on an operator of its own, as on workers of their own."""
    deferrable = mode == "deferrable"
    try:
        return make(deferrable=deferrable, **kwargs).execute(task.context)
    except TaskDeferred as deferred:
        assert deferrable
        event = asyncio.run(first_event(reborn(deferred.trigger)))
        resumed = make(deferrable=deferrable, **kwargs)
        return dict(getattr(resumed, deferred.method_name)(task.context, event))


def submit(make: Callable[..., RunJobOperator], task: Task, **kwargs: Any) -> dict[str, Any]:
    """Submit a task's job and go away, as a worker does that dies right after."""
    return make(wait_for_completion=False, **kwargs).execute(task.context)


def watch(make: Callable[..., JobSensor], task: Task, *, mode: str, **kwargs: Any) -> dict[str, Any]:
    """Run a sensor to its end in one of its three modes, each phase on an operator of its own."""
    kwargs |= {"deferrable": True} if mode == "deferrable" else {"deferrable": False, "mode": mode}
    while True:
        try:
            return dict(make(**kwargs).execute(task.context))
        except TaskDeferred as deferred:
            assert mode == "deferrable"
            event = asyncio.run(first_event(reborn(deferred.trigger)))
            return dict(make(**kwargs).resume_execution(deferred.method_name, {"event": event}, task.context))
        except AirflowException as again:
            # By its date: the exception itself is in another place in each version of Airflow.
            if (date := getattr(again, "reschedule_date", None)) is None:
                raise
            assert mode == "reschedule"
            task.xcoms.clear()
            task.rescheduled = task.rescheduled or datetime.now(UTC)
            time.sleep(max(0.0, (date - datetime.now(UTC)).total_seconds()))
