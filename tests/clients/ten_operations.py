"""All ten operations on runs, in both generations, with the client of the environment that runs this.

Prints as JSON the client's version and, for each generation, what every operation brought.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_errors import KFPNotSupported, KFPServerError
from airflow_mljobs.jobs import JobStatus

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine"}}]},
}
PIPELINE = {
    "pipelineInfo": {"name": "one"},
    "schemaVersion": "2.1.0",
    "root": {"dag": {"tasks": {"only": {"componentRef": {"name": "c"}, "taskInfo": {"name": "only"}}}}},
    "components": {"c": {"executorLabel": "e"}},
    "deploymentSpec": {"executors": {"e": {"container": {"image": "alpine"}}}},
}


def ended(hook: KFPRunHook, run_id: str) -> JobStatus:
    """Wait for a run's end."""
    while (job := hook.get_job(run_id)).status is JobStatus.ACTIVE:
        time.sleep(0.02)
    return job.status


def operate(hook: KFPRunHook) -> dict[str, Any]:
    """Call every operation once or more, and return what came of it."""
    package = WORKFLOW if hook.is_v1 else PIPELINE
    request = hook.build_run(
        name=f"ten {hook.api_version}", pipeline_file=package, description="emulator-outcome=hang"
    )
    found: dict[str, Any] = {}
    run_id = hook.submit_run(request, identity=None, attempt=1).name
    found["create_run"] = hook.get_job(run_id).status
    hook.terminate_run(run_id)
    found["terminate_run"] = ended(hook, run_id)
    hook.retry_run(run_id)
    found["retry_run"] = hook.get_job(run_id).status
    hook.terminate_run(run_id)
    found["get_run"] = ended(hook, run_id)
    listed = hook.list_runs(filter=[{"key": "id", "op": "EQUALS", "string_value": run_id}])
    found["list_runs"] = len(listed["runs"])
    for operation in ("archive_run", "unarchive_run"):
        getattr(hook, operation)(run_id)
        run = hook.get_run(run_id)
        found[operation] = run.get("run", run)["storage_state"].removeprefix("STORAGESTATE_")
    metrics = {"metrics": [{"name": "accuracy", "node_id": "only", "number_value": 0.5}]}
    found["report_run_metrics"] = hook.report_run_metrics(run_id, metrics)["results"][0]["status"]
    found["read_artifact"] = read(hook, run_id)
    hook.delete_run(run_id)
    try:
        hook.get_run(run_id)
    except KFPServerError as error:
        found["delete_run"] = error.kind
    return found


def read(hook: KFPRunHook, run_id: str) -> str:
    """Read an artifact, or say why there is none."""
    answer = hook.get_run(run_id)
    manifest = answer.get("pipeline_runtime", {}).get("workflow_manifest", "{}")
    node = next(iter(json.loads(manifest).get("status", {}).get("nodes", {})), "node")
    try:
        return str(type(hook.read_artifact(run_id, node_id=node, artifact_name="main-logs")["data"]).__name__)
    except KFPNotSupported as error:
        return type(error).__name__


brought = {}
for api in ("v1beta1", "v2beta1"):
    extra = {"api_version": api}
    os.environ["AIRFLOW_CONN_KFP_DEFAULT"] = json.dumps(
        {"conn_type": "kfp", "host": sys.argv[1], "extra": extra}
    )
    brought[api] = operate(KFPRunHook())
print(json.dumps({"client": version("kfp-server-api"), "brought": brought}))  # noqa: T201
