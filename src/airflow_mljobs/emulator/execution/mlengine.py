"""Runs an AI Platform job: a training program, or batch prediction with a linear model."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from airflow_mljobs.emulator.execution import linear_model
from airflow_mljobs.emulator.execution.plan import Ended, Place, Plan, Refused
from airflow_mljobs.emulator.execution.training import PORT, explain, search_path
from airflow_mljobs.emulator.gcs import localize

if TYPE_CHECKING:
    from airflow_mljobs.emulator.execution.base import StoredJob

REPLICA = "master 0"
FIRST_WITH_CHIEF = (2, 1)
"""From this runtime version on the master is called chief."""


async def plan_mlengine_job(job: StoredJob, place: Place) -> Plan:
    """Plan the master of a training job, or a batch prediction.

    Training runs ``python -m pythonModule args`` with the packages of ``packageUris`` on the search path, or
    the ``containerCommand`` of ``masterConfig``, and with ``--job-dir`` when there is a ``jobDir``. The other
    replicas are not run, hyperparameters are not tuned, nothing is built or downloaded, and the emulator's
    interpreter stands for the runtime version. What the program finds in its environment is documented in
    https://cloud.google.com/ai-platform/training/docs/distributed-training-details.

    Batch prediction reads JSON lines, and knows one form of model, which the real service does not: a
    ``model.json`` with ``weights`` and ``bias`` in the folder that ``uri`` names.
    """
    resource: Mapping[str, Any] = job.resource["job"]
    try:
        if "trainingInput" in resource:
            return await _plan_training(job, resource["trainingInput"], place)
        return _plan_prediction(resource["predictionInput"], place)
    except ValueError as error:
        raise Refused(str(error)) from error


async def _plan_training(job: StoredJob, spec: Mapping[str, Any], place: Place) -> Plan:
    if "hyperparameters" in spec:
        raise Refused("hyperparameters are accepted and recorded by the emulator, and not tuned.")
    local = partial(localize, place.gcs)
    env = place.environment(python=Path(sys.executable)) | _service_variables(job, spec)
    master = spec.get("masterConfig", {})
    if image := master.get("imageUri"):
        command = master.get("containerCommand")
        if not command:
            raise Refused(
                f"masterConfig.containerCommand is empty, so the entrypoint of image {image!r} would run; "
                "the emulator records images and does not run them. Give the command."
            )
        argv = [*command, *master.get("containerArgs", ())]
    else:
        paths = [local(uri) for uri in spec["packageUris"]]
        env["PYTHONPATH"] = await asyncio.to_thread(search_path, paths, place.folder / "packages")
        argv = ["python", "-m", spec["pythonModule"], *spec.get("args", ())]
    if folder := spec.get("jobDir"):
        argv += ["--job-dir", folder]
    argv = [local(word) for word in argv]
    if argv[0] in {"python", "python3"}:
        argv[0] = sys.executable
    return Plan(
        argv=argv,
        env=env,
        cwd=place.folder,
        explain=partial(explain, replica=REPLICA),
        timeout=_seconds(spec.get("scheduling", {}).get("maxRunningTime")),
    )


def _plan_prediction(spec: Mapping[str, Any], place: Place) -> Plan:
    if "uri" not in spec or spec["dataFormat"] != "JSON":
        raise Refused("The emulator predicts from JSON lines, and with a model that uri names.")
    # A folder is meant, with or without the slash at its end.
    model, output = (localize(place.gcs, f"{spec[name].rstrip('/')}/") for name in ("uri", "outputPath"))
    inputs = [localize(place.gcs, path) for path in spec["inputPaths"]]
    return Plan(
        argv=[sys.executable, linear_model.__file__, "--model", model, "--output", output, *inputs],
        env=place.environment(python=Path(sys.executable)),
        cwd=place.folder,
        explain=_explain_prediction,
    )


def _explain_prediction(ended: Ended) -> str:
    return f"The prediction failed: {ended.start_error or ended.tail}\nThe full output is in {ended.log}"


def _service_variables(job: StoredJob, spec: Mapping[str, Any]) -> dict[str, str]:
    _, project, _, job_id = job.name.split("/")
    master = "chief" if _has_chief(spec) else "master"
    cluster = {
        "cluster": {master: [f"localhost:{PORT}"]},
        "environment": "cloud",
        "job": spec,
        "task": {"type": master, "index": 0},
    }
    return {
        "CLOUD_ML_PROJECT_ID": project,
        "CLOUD_ML_REGION": spec["region"],
        "CLOUD_ML_JOB_ID": job_id,
        "TF_CONFIG": json.dumps(cluster),
    }


def _has_chief(spec: Mapping[str, Any]) -> bool:
    if spec.get("masterConfig", {}).get("imageUri"):
        return bool(spec.get("useChiefInTfConfig"))
    version = spec.get("runtimeVersion", "")
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    return numbers >= FIRST_WITH_CHIEF


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    duration = Duration()
    duration.FromJsonString(text)
    return duration.ToTimedelta().total_seconds()
