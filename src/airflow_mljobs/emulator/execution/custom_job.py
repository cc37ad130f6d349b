"""Runs a CustomJob: the command, or the Python module, of its primary replica."""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mljobs.emulator.execution.plan import Place, Plan, Refused
from airflow_mljobs.emulator.execution.training import PORT, explain, search_path
from airflow_mljobs.emulator.gcs import localize

if TYPE_CHECKING:
    from airflow_mljobs.emulator.execution.base import StoredJob

REPLICA = "workerpool0-0"
DIRECTORIES = {
    "AIP_MODEL_DIR": "model",
    "AIP_CHECKPOINT_DIR": "checkpoints",
    "AIP_TENSORBOARD_LOG_DIR": "logs",
}
"""See `CustomJobSpec.base_output_directory` in the API's reference."""


async def plan_custom_job(job: StoredJob, place: Place) -> Plan:
    """Plan the primary replica, the first of `worker_pool_specs[0]`; the other replicas are not run.

    A `container_spec` needs a `command`, since the image is not there to name its entrypoint. A
    `python_package_spec` may name sdists (`.tar.gz`, `.zip`), pure wheels and folders, by a local path, by
    `gs://` or by `/gcs/`: they are unpacked and put on the module search path of the emulator's interpreter,
    whose packages stand for those of the executor image. Nothing is built or downloaded.

    What a replica finds in its environment is documented in
    https://cloud.google.com/vertex-ai/docs/training/code-requirements and, for `CLUSTER_SPEC` and
    `TF_CONFIG`, https://cloud.google.com/vertex-ai/docs/training/distributed-training. Both name the one
    replica that runs: told of others, a framework would wait for them for ever.
    """
    resource: Any = job.resource
    spec = resource.job_spec
    pool = spec.worker_pool_specs[0]
    local = partial(localize, place.gcs)
    env = place.environment(python=Path(sys.executable)) | _service_variables(job)
    try:
        if base := spec.base_output_directory.output_uri_prefix:
            env |= {name: local(f"{base.rstrip('/')}/{folder}/") for name, folder in DIRECTORIES.items()}
        if pool.WhichOneof("task") == "python_package_spec":
            task = pool.python_package_spec
            paths = [local(uri) for uri in task.package_uris]
            env["PYTHONPATH"] = await asyncio.to_thread(search_path, paths, place.folder / "packages")
            argv = [sys.executable, "-m", task.python_module, *map(local, task.args)]
        else:
            task = pool.container_spec
            argv = [local(word) for word in (*task.command, *task.args)]
            if not task.command:
                raise Refused(
                    f"container_spec.command is empty, so the entrypoint of image {task.image_uri!r} would "
                    "run; the emulator records images and does not run them. Give the command."
                )
        env |= {variable.name: local(variable.value) for variable in task.env}
    except ValueError as error:
        raise Refused(str(error)) from error
    if argv[0] in {"python", "python3"}:
        argv[0] = sys.executable
    timeout = spec.scheduling.timeout.ToTimedelta().total_seconds() or None
    return Plan(
        argv=argv, env=env, cwd=place.folder, explain=partial(explain, replica=REPLICA), timeout=timeout
    )


def _service_variables(job: StoredJob) -> dict[str, str]:
    _, project, _, region, _, job_id = job.name.split("/")
    address = [f"localhost:{PORT}"]
    cluster = {
        "cluster": {"workerpool0": address},
        "environment": "cloud",
        "task": {"type": "workerpool0", "index": 0},
    }
    tensorflow = cluster | {"cluster": {"chief": address}, "task": {"type": "chief", "index": 0}}
    return {
        "CLOUD_ML_PROJECT_ID": project,
        "CLOUD_ML_REGION": region,
        "CLOUD_ML_JOB_ID": job_id,
        "CLUSTER_SPEC": json.dumps(cluster),
        "TF_CONFIG": json.dumps(tensorflow),
    }
