"""The messages of v1beta1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.services.kfp import templates
from airflow_mljobs.emulator.services.kfp.argo import workflow
from airflow_mljobs.emulator.services.kfp.drafts import Draft
from airflow_mljobs.emulator.services.kfp.schema import (
    Message,
    anything,
    enum,
    listing,
    message,
    number,
    struct,
    text,
)
from airflow_mljobs.emulator.services.kfp.server import V1
from airflow_mljobs.emulator.services.kfp.states import V1_STATUS
from airflow_mljobs.emulator.services.kfp.times import timestamp

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.documents import Document
    from airflow_mljobs.emulator.services.kfp.server import Release

API: Final = V1

_REFERENCE = Message(
    "ResourceReference",
    key=Message(
        "ResourceKey",
        type=enum("UNKNOWN_RESOURCE_TYPE", "EXPERIMENT", "JOB", "PIPELINE", "PIPELINE_VERSION", "NAMESPACE"),
        id=text,
    ),
    name=text,
    relationship=enum("UNKNOWN_RELATIONSHIP", "OWNER", "CREATOR"),
)
_METRIC = Message(
    "RunMetric",
    name=text,
    node_id=text,
    number_value=number,
    format=enum("UNSPECIFIED", "RAW", "PERCENTAGE"),
)
_SPEC = Message(
    "PipelineSpec",
    **dict.fromkeys(("pipeline_id", "pipeline_name", "workflow_manifest", "pipeline_manifest"), text),
    parameters=listing(Message("Parameter", name=text, value=text)),
    runtime_config=Message("RuntimeConfig", parameters=struct, pipeline_root=text),
)
_TEXTS = dict.fromkeys(("id", "name", "description", "created_at", "storage_state"), text)
_RUN = Message(
    "Run",
    **_TEXTS,
    **dict.fromkeys(("service_account", "scheduled_at", "finished_at", "status", "error"), text),
    pipeline_spec=_SPEC,
    resource_references=listing(_REFERENCE),
    metrics=listing(anything),
)
_EXPERIMENT = Message("Experiment", **_TEXTS, resource_references=listing(_REFERENCE))
METRICS = Message("ReportRunMetricsRequest", run_id=text, metrics=listing(_METRIC))


def read_draft(body: Any, release: Release) -> Draft:
    """Read a run to be created."""
    run = _RUN(body)
    spec, references = run.get("pipeline_spec", {}), _references(run)
    version_id = references.get("PIPELINE_VERSION", "")
    manifest = spec.get("pipeline_manifest") or spec.get("workflow_manifest", "")
    if manifest and (version_id or spec.get("pipeline_id")):
        msg = "Invalid input error: specify a manifest or a pipeline, not both"
        raise invalid(msg)
    config = spec.get("runtime_config", {})
    listed = {item.get("name", ""): item.get("value", "") for item in spec.get("parameters", ())}
    return Draft(
        run_id=run.get("id", ""),
        name=run.get("name", ""),
        description=run.get("description", ""),
        experiment_id=references.get("EXPERIMENT", ""),
        service_account=run.get("service_account", ""),
        manifest=manifest,
        pipeline_id=spec.get("pipeline_id", ""),
        pipeline_version_id=version_id,
        parameters=config.get("parameters", {}) | listed,
        pipeline_root=config.get("pipeline_root", ""),
    )


def show_run(run: dict[str, Any], release: Release) -> dict[str, Any]:
    """Write a run without what happened inside it."""
    reference, manifest = run["reference"], json.dumps(run["template"])
    status = V1_STATUS[run["state"]]
    if templates.is_ir(run["template"]):
        source = message(
            pipeline_manifest=manifest,
            runtime_config=message(parameters=run["parameters"], pipeline_root=run["pipeline_root"]),
        )
    else:
        listed = [message(name=name, value=value) for name, value in run["parameters"].items()]
        source = message(workflow_manifest=manifest, parameters=listed)
    return message(
        id=run["run_id"],
        name=run["name"],
        storage_state=f"STORAGESTATE_{run['storage_state']}",
        description=run["description"],
        pipeline_spec=message(pipeline_id=reference.get("pipeline_id"), **source),
        resource_references=_owners(run),
        service_account=run["service_account"],
        created_at=timestamp(run["created"]),
        scheduled_at=timestamp(run["created"]),
        finished_at=timestamp(run["finished"]),
        # Until its workflow is first heard of, the old server knows nothing of a run.
        status="" if status == "Pending" and not release.has_v2 else status,
        error=run["error"],
        metrics=run["metrics"],
    )


def show_detail(run: dict[str, Any], release: Release) -> dict[str, Any]:
    """Write a run and its workflow."""
    runtime = {"workflow_manifest": json.dumps(workflow(run))}
    return {"run": show_run(run, release), "pipeline_runtime": runtime}


def read_experiment(body: Any) -> dict[str, str]:
    """Read an experiment to be created: its name, description and namespace."""
    experiment = _EXPERIMENT(body)
    return {
        "name": experiment.get("name", ""),
        "description": experiment.get("description", ""),
        "namespace": _references(experiment).get("NAMESPACE", ""),
    }


def show_experiment(experiment: Document) -> dict[str, Any]:
    """Write an experiment."""
    return message(
        id=experiment.id,
        name=experiment.name,
        description=experiment.content["description"],
        created_at=timestamp(experiment.created),
        resource_references=_owner("NAMESPACE", experiment.parent),
        storage_state=f"STORAGESTATE_{experiment.content['storage_state']}",
    )


def show_pipeline(pipeline: Document) -> dict[str, Any]:
    """Write a pipeline."""
    return message(
        id=pipeline.id,
        name=pipeline.content["display_name"],
        description=pipeline.content["description"],
        created_at=timestamp(pipeline.created),
        resource_references=_owner("NAMESPACE", pipeline.parent),
    )


def show_version(version: Document) -> dict[str, Any]:
    """Write a version of a pipeline."""
    return message(
        id=version.id,
        name=version.content["display_name"],
        description=version.content["description"],
        created_at=timestamp(version.created),
        resource_references=_owner("PIPELINE", version.parent),
    )


def scope(ask: Ask) -> tuple[str, str]:
    """Tell the experiment and the namespace that a list is confined to."""
    kind = ask.query.get("resource_reference_key.type", "")
    key = ask.query.get("resource_reference_key.id", "")
    return key if kind == "EXPERIMENT" else "", key if kind == "NAMESPACE" else ""


def _references(resource: dict[str, Any]) -> dict[str, str]:
    keys = [reference.get("key", {}) for reference in resource.get("resource_references", ())]
    return {key.get("type", ""): key.get("id", "") for key in keys}


def _owners(run: dict[str, Any]) -> list[dict[str, Any]]:
    version = run["reference"].get("pipeline_version_id", "")
    return [
        *_owner("EXPERIMENT", run["experiment_id"]),
        *_owner("NAMESPACE", run["namespace"]),
        *_owner("PIPELINE_VERSION", version, "CREATOR"),
    ]


def _owner(kind: str, key: str, relationship: str = "OWNER") -> list[dict[str, Any]]:
    return [{"key": {"type": kind, "id": key}, "relationship": relationship}] if key else []
