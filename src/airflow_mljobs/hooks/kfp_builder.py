"""The body of a new run, in either generation of the API, checked before anything is sent."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_package import Package, check_plain, load_package

if TYPE_CHECKING:
    from airflow_mljobs.jobs import TaskIdentity

RUN_IDS = uuid.UUID("6f1c5a5e-6b0e-5f0c-9d2b-3a7f0c1e8d44")
"""The namespace of the ids that are made for runs."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a run is asked to be; exactly one of the three sources is set.

    :param name: what people see.
    :param package: a compiled pipeline that is sent along.
    :param pipeline_id: a pipeline that the server has.
    :param pipeline_name: the same by its name.
    :param pipeline_version_id: which version of it; default the newest.
    :param parameters: the pipeline's, in the types it declares.
    :param pipeline_root: where its artifacts go.
    :param experiment_id: the experiment that the run belongs to.
    :param experiment: the same by its name.
    :param service_account: whom its pods run as.
    :param description: free text.
    """

    name: str
    package: Package | None = None
    pipeline_id: str | None = None
    pipeline_name: str | None = None
    pipeline_version_id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pipeline_root: str | None = None
    experiment_id: str | None = None
    experiment: str | None = None
    service_account: str | None = None
    description: str | None = None


def check_request(
    *,
    name: str,
    pipeline_file: Any = None,
    parameters: Mapping[str, Any] | None = None,
    **fields: str | None,
) -> RunRequest:
    """Make a request of what a user gave, as far as can be told without the server.

    :param name: what people see.
    :param pipeline_file: a compiled pipeline: its path or its content.
    :param parameters: the pipeline's.
    :param fields: the others of `RunRequest`.
    :raises InvalidJobSpec: naming the field, the value and the rule.
    """
    for text_field, value in {"run_name": name, **fields}.items():
        if value is not None and not isinstance(value, str):
            raise InvalidJobSpec(field=text_field, value=value, rule="is a text")
    if not name.strip():
        raise InvalidJobSpec(field="run_name", value=name, rule="is not empty")
    sources = {"pipeline_file": pipeline_file} | {
        source: fields.get(source) for source in ("pipeline_id", "pipeline_name")
    }
    given = [source for source, value in sources.items() if value]
    if len(given) != 1:
        raise InvalidJobSpec(
            field="pipeline_file", value=given, rule=f"exactly one of {', '.join(sources)} is given"
        )
    if fields.get("pipeline_version_id") and pipeline_file:
        raise InvalidJobSpec(
            field="pipeline_version_id",
            value=fields["pipeline_version_id"],
            rule="goes with pipeline_id or pipeline_name",
        )
    if fields.get("experiment") and fields.get("experiment_id"):
        raise InvalidJobSpec(
            field="experiment_id", value=fields["experiment_id"], rule="is not given beside experiment"
        )
    if parameters is not None and not isinstance(parameters, Mapping):
        raise InvalidJobSpec(field="parameters", value=type(parameters).__name__, rule="maps names to values")
    values = dict(parameters or {})
    check_plain(values)
    package = load_package(pipeline_file) if pipeline_file else None
    if package:
        package.check_values(values)
    if package and package.is_argo and fields.get("pipeline_root"):
        rule = "an Argo workflow has none; its artifacts go where the workflow says"
        raise InvalidJobSpec(field="pipeline_root", value=fields["pipeline_root"], rule=rule)
    return RunRequest(name=name, package=package, parameters=values, **fields)


def body_v2(request: RunRequest) -> dict[str, Any]:
    """Write a request as a ``Run`` of v2beta1.

    :raises InvalidJobSpec: when this generation cannot run it.
    """
    if request.package and request.package.is_argo:
        raise InvalidJobSpec(
            field="pipeline_file",
            value="an Argo workflow",
            rule="runs through the API v1beta1 only: set api_version of the connection",
        )
    package = request.package
    source: dict[str, Any]
    if package is None:
        source = {
            "pipeline_version_reference": _filled(
                pipeline_id=request.pipeline_id, pipeline_version_id=request.pipeline_version_id
            )
        }
    elif package.platform_spec:
        source = {"pipeline_spec": {"pipeline_spec": package.spec, "platform_spec": package.platform_spec}}
    else:
        source = {"pipeline_spec": package.spec}
    runtime = _filled(parameters=request.parameters, pipeline_root=request.pipeline_root)
    return _filled(
        display_name=request.name,
        description=request.description,
        experiment_id=request.experiment_id,
        service_account=request.service_account,
        runtime_config=runtime,
        **source,
    )


def body_v1(request: RunRequest) -> dict[str, Any]:
    """Write a request as a ``Run`` of v1beta1, where an Argo workflow takes its parameters as texts."""
    package = request.package
    texts = [{"name": name, "value": _text(value)} for name, value in request.parameters.items()]
    references = []
    if package is None:
        spec = _filled(pipeline_id=request.pipeline_id, parameters=texts)
        if request.pipeline_version_id:
            references.append(_reference("PIPELINE_VERSION", request.pipeline_version_id, "CREATOR"))
    elif package.is_argo:
        spec = _filled(workflow_manifest=json.dumps(package.spec), parameters=texts)
    else:
        runtime = _filled(parameters=request.parameters, pipeline_root=request.pipeline_root)
        manifests = [yaml for yaml in (package.spec, package.platform_spec) if yaml]
        spec = _filled(
            pipeline_manifest="\n---\n".join(json.dumps(manifest) for manifest in manifests),
            runtime_config=runtime,
        )
    if request.experiment_id:
        references.append(_reference("EXPERIMENT", request.experiment_id, "OWNER"))
    return _filled(
        name=request.name,
        description=request.description,
        service_account=request.service_account,
        pipeline_spec=spec,
        resource_references=references,
    )


def run_id_for(identity: TaskIdentity, *, epoch: int, attempt: int) -> str:
    """Make the one id of an attempt's run."""
    return str(uuid.uuid5(RUN_IDS, f"{identity.key}-{epoch}-{attempt}"))


def name_mark(identity: TaskIdentity, *, attempt: int) -> str:
    """Make what is put behind a run's name, where the server may choose the id itself."""
    return f" [{identity.key}-{identity.epoch}-{attempt}]"


def _reference(kind: str, resource_id: str, relationship: str) -> dict[str, Any]:
    return {"key": {"type": kind, "id": resource_id}, "relationship": relationship}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
