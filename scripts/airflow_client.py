"""What is asked of a running Airflow, over its REST API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import requests

from processes import StackError, wait_until

BUSY = 20
"""How often a request is sent while others write: SQLite has one writer, and lets nobody wait for long."""


def is_healthy(url: str) -> bool:
    """Whether an Airflow answers, and each of its servers has told of itself lately."""
    try:
        health = requests.get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except (requests.RequestException, ValueError):
        return False
    told_of = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    return all(health.get(part, {}).get("status") == "healthy" for part in told_of)


class AirflowClient:
    """A user's session.

    :param url: where Airflow answers.
    :param password: that of the user ``admin``.
    """

    def __init__(self, *, url: str, password: str) -> None:
        self.url = url
        self.password = password
        self._session = requests.Session()
        body = {"username": "admin", "password": password}
        answer = self._session.post(f"{url}/auth/token", json=body, timeout=30)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def api(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request to Airflow's REST API and return its JSON."""
        run_id = kwargs.get("json", {}).get("dag_run_id") if path.endswith("/dagRuns") else None
        for repeats in range(BUSY):
            answer = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=30, **kwargs)
            if repeats and run_id and answer.status_code == 409:
                # The error came after the run, whose id is our own, was made.
                return self.api("GET", f"{path}/{run_id}")
            if answer.status_code != 500 or "Database error" not in answer.text:
                break
            time.sleep(0.5)
        if not answer.ok:
            raise StackError(f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until Airflow has parsed a DAG.

        :raises StackError: when a DAG file cannot be parsed.
        """

        def known() -> bool:
            if errors := self.api("GET", "importErrors")["import_errors"]:
                raise StackError(f"A DAG file cannot be parsed:\n{errors[0]['stack_trace']}")
            return any(dag["dag_id"] == dag_id for dag in self.api("GET", "dags")["dags"])

        wait_until(known, within=90, what=f"The parsing of DAG {dag_id}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG, as soon as Airflow has parsed it, and return the run's id."""
        self.wait_for_dag(dag_id)
        self.api("PATCH", f"dags/{dag_id}", json={"is_paused": False})
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by their task's id; mapped ones by id and index."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        answer = self._session.get(f"{self.url}/api/v2/{path}", timeout=30)
        if answer.status_code == 404:  # a run that another DAG is to start, and has not yet
            return {}
        answer.raise_for_status()
        found = answer.json()["task_instances"]
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task
            for task in found
        }

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom of a task, or nothing when there is none."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._session.get(f"{self.url}/api/v2/{path}?deserialize=true", timeout=30)
        return answer.json()["value"] if answer.ok else None

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of one try of a task as text."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path)["content"]
        return "\n".join(line["event"] if isinstance(line, dict) else str(line) for line in content)
