"""Reads what a Kubeflow Pipelines server says of runs, in either generation of its API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from airflow_mljobs.jobs import JobStatus, Progress

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STALE_FOR = timedelta(minutes=2)
"""For how long after a retry the end of before may still be reported."""

STATES: Mapping[str, JobStatus] = {
    "RUNTIME_STATE_UNSPECIFIED": JobStatus.ACTIVE,
    "PENDING": JobStatus.ACTIVE,
    "RUNNING": JobStatus.ACTIVE,
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "SKIPPED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "CANCELING": JobStatus.ACTIVE,
    "CANCELED": JobStatus.CANCELLED,
    "PAUSED": JobStatus.ACTIVE,
    # v1beta1, whose words are Argo's phases on older servers; none at all just after the creation
    "": JobStatus.ACTIVE,
    "Unknown": JobStatus.ACTIVE,
    "Pending": JobStatus.ACTIVE,
    "Running": JobStatus.ACTIVE,
    "Terminating": JobStatus.ACTIVE,
    "Succeeded": JobStatus.SUCCEEDED,
    "Skipped": JobStatus.SUCCEEDED,
    "Failed": JobStatus.FAILED,
    "Error": JobStatus.FAILED,
}

ENDED_BADLY = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
STOPPING = frozenset({"CANCELING", "Terminating"})
ENDS = frozenset(state for state, status in STATES.items() if status is not JobStatus.ACTIVE)
DONE = frozenset({"SUCCEEDED", "SKIPPED", "CACHED"})
NODE_PHASES = {"Error": "FAILED", "Omitted": "SKIPPED"}
SOURCE_SHOWN = ("pipeline_id", "pipeline_name", "parameters", "runtime_config")
"""Of a run of v1beta1, what of its source is not the source itself."""


def run_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the run in an answer; v1beta1 puts it beside its runtime."""
    run: Mapping[str, Any] = answer.get("run") or answer
    return run


def id_of(answer: Mapping[str, Any]) -> str:
    """Return a run's id."""
    run = run_of(answer)
    return str(run.get("run_id") or run.get("id") or "")


def state_of(run: Mapping[str, Any]) -> str:
    """Return the server's own word for a run's state."""
    return str(run.get("state") or run.get("status") or "")


def time_of(run: Mapping[str, Any], field: str) -> datetime | None:
    """Return a time; what has not happened yet is told as 1970."""
    text = run.get(field)
    moment = datetime.fromisoformat(text) if text else None
    return moment if moment and moment > EPOCH else None


def started(answer: Mapping[str, Any]) -> datetime | None:
    """Return when the work began: by the history where there is one, else by the schedule."""
    run = run_of(answer)
    running = [time_of(entry, "update_time") for entry in _history(run) if entry.get("state") == "RUNNING"]
    return min(filter(None, running), default=None) or time_of(run, "scheduled_at")


def was_stopped(answer: Mapping[str, Any]) -> bool:
    """Whether somebody asked for the run to end, as far as the server tells."""
    run = run_of(answer)
    if any(entry.get("state") in STOPPING for entry in _history(run)[_restarted(run) :]):
        return True
    # How the servers stop an Argo workflow: they leave it no more time.
    return (_workflow(answer).get("spec") or {}).get("activeDeadlineSeconds") == 0


def is_stale(run: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether an end is the one of before a retry, reported late, and not the run's end now.

    :param run: of which the state is an end.
    :param now: the time.
    """
    # What is told late is dated late too: only after an end before it, a run that is at work was repeated.
    begin = _restarted(run)
    restart = time_of(_history(run)[begin], "update_time") if begin else None
    ended = time_of(run, "finished_at")
    return bool(restart and ended and ended < restart and now - restart < STALE_FOR)


def error_of(answer: Mapping[str, Any]) -> str | None:
    """Return the reason for a failure: the run's own, and what each failed task says."""
    run = run_of(answer)
    error = run.get("error")
    own = error.get("message") if isinstance(error, Mapping) else error
    message = own or (_workflow(answer).get("status") or {}).get("message")
    lines = [str(message)] if message else []
    for task in _tasks(answer):
        if task.get("state") == "FAILED":
            reason = (task.get("error") or {}).get("message")
            lines.append(f"Task {_name(task)} failed" + (f": {reason}" if reason else ""))
    return "\n".join(lines) or None


def progress_of(answer: Mapping[str, Any]) -> Progress | None:
    """Return how far a run has come, where the server tells of its tasks."""
    tasks = _tasks(answer)
    if not tasks:
        return None
    return Progress(
        total=len(tasks),
        done=sum(task["state"] in DONE for task in tasks),
        running=tuple(_name(task) for task in tasks if task["state"] == "RUNNING"),
        failed=tuple(_name(task) for task in tasks if task["state"] == "FAILED"),
    )


def without_source(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run without its inline pipeline, which is long, and whose environments may hold secrets."""
    shown = dict(run_of(answer))
    source = shown.pop("pipeline_spec", None) or {}
    if kept := {name: source[name] for name in SOURCE_SHOWN if name in source}:
        shown["pipeline_spec"] = kept
    return shown


def is_argo(answer: Mapping[str, Any]) -> bool:
    """Whether a run is one of an Argo workflow that came with it."""
    spec = run_of(answer).get("pipeline_spec") or {}
    return spec.get("kind") == "Workflow" or '"argoproj.io' in str(spec.get("workflow_manifest", ""))


def _history(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(run.get("state_history") or ())


def _restarted(run: Mapping[str, Any]) -> int:
    """Return where in its history a run was begun anew for the last time; 0 when it never was."""
    states = [entry.get("state") for entry in _history(run)]
    steps = enumerate(pairwise(states), start=1)
    begins = [n for n, (before, state) in steps if before in ENDS and state in {"PENDING", "RUNNING"}]
    return begins[-1] if begins else 0


def _tasks(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tasks in the words of v2beta1; v1beta1 has them as the pods of Argo's workflow."""
    details = (run_of(answer).get("run_details") or {}).get("task_details")
    if details:
        return [task for task in details if task.get("state")]
    nodes = (_workflow(answer).get("status") or {}).get("nodes") or {}
    return [
        {
            "display_name": node.get("displayName"),
            "state": NODE_PHASES.get(node.get("phase"), str(node.get("phase")).upper()),
            "error": {"message": node.get("message")},
        }
        for node in nodes.values()
        if node.get("type") == "Pod"
    ]


def _name(task: Mapping[str, Any]) -> str:
    return str(task.get("display_name") or task.get("task_id") or "")


def _workflow(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    text = (answer.get("pipeline_runtime") or {}).get("workflow_manifest")
    try:
        workflow = json.loads(text) if text else {}
    except ValueError:
        return {}
    return workflow if isinstance(workflow, dict) else {}
