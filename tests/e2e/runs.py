"""Runs DAGs to their end, and reads what they left."""

from __future__ import annotations

from typing import Any

from processes import wait_until
from stack import Stack


def finished(stack: Stack, dag_id: str, *, within: float = 120) -> str:
    """Run a DAG to its end, which must come within so many seconds, and return the run's id."""
    run_id = stack.airflow.trigger(dag_id)

    def has_ended() -> bool:
        stack.servers.check()
        return stack.airflow.run_state(dag_id, run_id) in {"success", "failed"}

    wait_until(has_ended, within=within, what=f"The end of {dag_id}")
    return run_id


def job_name_of(stack: Stack, dag_id: str, run_id: str) -> str:
    """Return the name of the job that a run's one task has submitted, or nothing before it has."""
    return str(stack.airflow.xcom(dag_id, run_id, "run", key="job_name") or "")


def log_of(stack: Stack, dag_id: str, run_id: str, task_id: str) -> str:
    """Return the log of the task's last try."""
    task = stack.airflow.tasks(dag_id, run_id)[task_id]
    return stack.airflow.task_log(dag_id, run_id, task_id, task["try_number"])


def errors_of(stack: Stack, dag_id: str, run_id: str, task_id: str) -> str:
    """Return a task's log with the exceptions in it, which Airflow keeps apart from the lines."""
    task: dict[str, Any] = stack.airflow.tasks(dag_id, run_id)[task_id]
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{task['try_number']}"
    return str(stack.airflow.api("GET", path)["content"])
