"""Kubeflow Pipelines under contract, once for each generation of its API."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airflow_mljobs.operators import kfp
from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.sensors.kfp import KFPRunSensor
from contract.services.base import Service

PACKAGE = Path(__file__).parents[3] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"


def _run(*, conn: str, labels: Mapping[str, str] | None = None, **kwargs: Any) -> RunJobOperator:
    return kfp.RunKFPPipelineOperator(
        task_id="run",
        kfp_conn_id=conn,
        pipeline_file=kwargs.pop("pipeline_file", str(PACKAGE)),
        pipeline_root=kwargs.pop("pipeline_root", "minio://contract/runs?region=minio"),
        # A run has no labels; the emulator reads what it is told in here.
        description=" ".join(f"{key}={value}" for key, value in (labels or {}).items()) or None,
        **kwargs,
    )


def _one(conn: str, verb: str) -> Callable[[str], JobOperator]:
    operator = getattr(kfp, f"{verb}KFPRunOperator")
    return lambda run: operator(task_id=verb.lower(), kfp_conn_id=conn, run_id=run)


def _marked(mark: str) -> tuple[dict[str, Any], str]:
    predicate = {"key": "description", "operation": "IS_SUBSTRING", "string_value": mark}
    return {"labels": {"batch": mark}}, json.dumps({"predicates": [predicate]})


def _service(api: str, id_field: str) -> Service:
    conn = f"kfp_{api}"
    return Service(
        name=f"KFPRun-{api}",
        run=partial(_run, conn=conn),
        broken=partial(_run, conn=conn, pipeline_file="nowhere.yaml"),
        reason="Task evaluate failed: main: Error (exit code 1)",
        one={
            "get": _one(conn, "Get"),
            "cancel": _one(conn, "Terminate"),
            "delete": _one(conn, "Delete"),
        },
        many=lambda **kwargs: kfp.ListKFPRunOperator(task_id="l", kfp_conn_id=conn, **kwargs),
        sensor=lambda run, **kwargs: KFPRunSensor(task_id="s", kfp_conn_id=conn, run_id=run, **kwargs),
        methods={
            "create": f"kfp.{api}/CreateRun",
            "get": f"kfp.{api}/GetRun",
            "list": f"kfp.{api}/ListRuns",
            "cancel": f"kfp.{api}/TerminateRun",
            "delete": f"kfp.{api}/DeleteRun",
        },
        cancels_by="terminate",
        outputs=("minio://contract/runs",),
        marked=_marked,
        name_of=lambda run: str(run[id_field]),
    )


KFP_RUN_V2 = _service("v2beta1", "run_id")
KFP_RUN_V1 = _service("v1beta1", "id")
