"""The messages of v2beta1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import grpc

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.services.kfp.drafts import Draft
from airflow_mljobs.emulator.services.kfp.schema import (
    Message,
    Reader,
    anything,
    listing,
    message,
    struct,
    text,
)
from airflow_mljobs.emulator.services.kfp.server import V2
from airflow_mljobs.emulator.services.kfp.times import timestamp

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.documents import Document
    from airflow_mljobs.emulator.services.kfp.server import Release

API: Final = V2

_RUN_FIELDS: Mapping[str, Reader] = {
    **dict.fromkeys(("run_id", "display_name", "description", "experiment_id", "service_account"), text),
    **dict.fromkeys(("pipeline_version_id", "recurring_run_id", "storage_state", "state"), text),
    **dict.fromkeys(("created_at", "scheduled_at", "finished_at"), text),
    "pipeline_spec": struct,
    "pipeline_version_reference": Message(
        "PipelineVersionReference", pipeline_id=text, pipeline_version_id=text
    ),
    "runtime_config": Message("RuntimeConfig", parameters=struct, pipeline_root=text),
    "error": anything,
    "run_details": anything,
    "state_history": listing(anything),
}
_RUN = Message("Run", **_RUN_FIELDS)
_RUN_WITH_PLUGINS = Message("Run", **_RUN_FIELDS, plugins_input=struct, plugins_output=struct)
_NAMED: Mapping[str, Reader] = dict.fromkeys(("display_name", "description", "namespace", "created_at"), text)
_EXPERIMENT = Message(
    "Experiment", **_NAMED, experiment_id=text, storage_state=text, last_run_created_at=text
)
_PIPELINE = Message("Pipeline", **_NAMED, pipeline_id=text, name=text, error=anything, tags=struct)


def read_draft(body: Any, release: Release) -> Draft:
    """Read a run to be created."""
    run = (_RUN_WITH_PLUGINS if release.takes_plugins else _RUN)(body)
    sources = {"pipeline_spec", "pipeline_version_reference", "pipeline_version_id"} & run.keys()
    if len(sources) > 1:
        msg = f"proto: {sorted(sources)[-1]}: oneof v2beta1.Run.pipeline_source is already set"
        raise invalid(msg)
    reference, config = run.get("pipeline_version_reference", {}), run.get("runtime_config", {})
    return Draft(
        run_id=run.get("run_id", ""),
        name=run.get("display_name", ""),
        description=run.get("description", ""),
        experiment_id=run.get("experiment_id", ""),
        service_account=run.get("service_account", ""),
        manifest=run.get("pipeline_spec", ""),
        pipeline_id=reference.get("pipeline_id", ""),
        pipeline_version_id=reference.get("pipeline_version_id", "") or run.get("pipeline_version_id", ""),
        parameters=config.get("parameters", {}),
        pipeline_root=config.get("pipeline_root", ""),
    )


def show_run(run: dict[str, Any], release: Release) -> dict[str, Any]:
    """Write a run, in the same words for every release that has this API."""
    error = run["error"] and {"code": grpc.StatusCode.INTERNAL.value[0], "message": run["error"]}
    return message(
        experiment_id=run["experiment_id"],
        run_id=run["run_id"],
        display_name=run["name"],
        storage_state=run["storage_state"],
        description=run["description"],
        pipeline_spec=None if run["reference"] else run["template"],
        pipeline_version_reference=run["reference"],
        runtime_config=message(parameters=run["parameters"], pipeline_root=run["pipeline_root"]),
        service_account=run["service_account"],
        created_at=timestamp(run["created"]),
        scheduled_at=timestamp(run["created"]),
        finished_at=timestamp(run["finished"]),
        state=run["state"],
        error=error,
        run_details=message(task_details=run["tasks"]),
        state_history=run["state_history"],
    )


show_detail = show_run


def read_experiment(body: Any) -> dict[str, str]:
    """Read an experiment to be created: its name, description and namespace."""
    experiment = _EXPERIMENT(body)
    return {
        "name": experiment.get("display_name", ""),
        "description": experiment.get("description", ""),
        "namespace": experiment.get("namespace", ""),
    }


def read_pipeline(body: Any) -> dict[str, str]:
    """Read a pipeline to be created without a version."""
    pipeline = _PIPELINE(body)
    display_name = pipeline.get("display_name", "")
    return {
        "name": pipeline.get("name") or display_name,
        "display_name": display_name,
        "description": pipeline.get("description", ""),
        "namespace": pipeline.get("namespace", ""),
    }


def show_experiment(experiment: Document) -> dict[str, Any]:
    """Write an experiment."""
    return message(
        experiment_id=experiment.id,
        display_name=experiment.name,
        description=experiment.content["description"],
        created_at=timestamp(experiment.created),
        namespace=experiment.parent,
        storage_state=experiment.content["storage_state"],
        last_run_created_at=timestamp(experiment.content.get("last_run_created", 0)),
    )


def show_pipeline(pipeline: Document) -> dict[str, Any]:
    """Write a pipeline."""
    return message(
        pipeline_id=pipeline.id,
        display_name=pipeline.content["display_name"],
        name=pipeline.name,
        description=pipeline.content["description"],
        created_at=timestamp(pipeline.created),
        namespace=pipeline.parent,
    )


def show_version(version: Document) -> dict[str, Any]:
    """Write a version of a pipeline."""
    return message(
        pipeline_id=version.parent,
        pipeline_version_id=version.id,
        display_name=version.content["display_name"],
        name=version.name,
        description=version.content["description"],
        created_at=timestamp(version.created),
        pipeline_spec=version.content["template"],
    )


def scope(ask: Ask) -> tuple[str, str]:
    """Tell the experiment and the namespace that a list is confined to."""
    return ask.query.get("experiment_id", ""), ask.query.get("namespace", "")
