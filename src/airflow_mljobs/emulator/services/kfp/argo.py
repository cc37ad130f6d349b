"""The Argo workflow behind a run, as v1beta1 shows it, and the artifacts that only such a one leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_mljobs.emulator.services.kfp import tasks, templates
from airflow_mljobs.emulator.services.kfp.pipelines import pipeline_name
from airflow_mljobs.emulator.services.kfp.states import V1_STATUS
from airflow_mljobs.emulator.services.kfp.times import timestamp

LOGS = "main-logs"
_FINAL = frozenset({"SUCCEEDED", "FAILED", "SKIPPED"})


def workflow(run: Mapping[str, Any]) -> dict[str, Any]:
    """Write the workflow with the nodes that it has so far."""
    message = run["error"] or "; ".join(tasks.failures(run["tasks"]))
    status = {"startedAt": timestamp(run["created"]), "nodes": nodes(run)}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": workflow_name(run),
            "namespace": run["namespace"] or "kubeflow",
            "labels": {"pipeline/runid": run["run_id"]},
        },
        "spec": {"activeDeadlineSeconds": 0} if _was_stopped(run) else {},
        "status": {
            **status,
            "phase": _phase(run["state"]),
            **({"finishedAt": timestamp(run["finished"])} if run["finished"] else {}),
            **({"message": message} if message else {}),
        },
    }


def workflow_name(run: Mapping[str, Any]) -> str:
    """Name the workflow after its pipeline."""
    name = re.sub(r"[^a-z0-9]+", "-", pipeline_name(run["template"]).lower()).strip("-")
    return f"{name or 'run'}-{run['run_id'][:5]}"


def nodes(run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Describe the steps by the names of their pods: an Argo workflow's go with it from state to state."""
    if templates.is_argo(run["template"]):
        is_over = run["state"] in _FINAL
        steps = [(name, run["state"], run["error"]) for name in templates.argo_steps(run["template"])]
    else:
        is_over = False
        steps = [
            (task["display_name"], task["state"], task.get("error", {}).get("message", ""))
            for task in run["tasks"]
        ]
    outputs = {"outputs": {"artifacts": [{"name": LOGS}]}} if is_over else {}
    return {
        f"{workflow_name(run)}-{number}": {
            "id": f"{workflow_name(run)}-{number}",
            "displayName": name,
            "type": "Pod",
            "phase": _phase(state),
            **({"message": error} if error else {}),
            **outputs,
        }
        for number, (name, state, error) in enumerate(steps)
    }


def artifact(run: Mapping[str, Any], node_id: str, name: str) -> bytes | None:
    """Return an output of a node; nothing where there is no such output."""
    node = nodes(run).get(node_id, {})
    if not any(item["name"] == name for item in node.get("outputs", {}).get("artifacts", ())):
        return None
    return f"Simulated output of {node['displayName']}: {node['phase']}\n".encode()


def _phase(state: str) -> str:
    return "Running" if state == "CANCELING" else V1_STATUS[state]


def _was_stopped(run: Mapping[str, Any]) -> bool:
    """Tell whether the workflow was left no more time, which is how the server stops one."""
    states = [entry["state"] for entry in run["state_history"]]
    return "CANCELING" in states[-2:]
