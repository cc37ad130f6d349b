"""From a compiled pipeline to a ``PipelineJob`` resource, checked before anything is sent.

The SDK's builder would first look for a staging bucket, and make one; this one sends nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from packaging.version import Version

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import check_display_name, check_labels, check_type
from airflow_mljobs.hooks.pipeline_parameters import check_parameters, named, type_of

JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")

FAILURE_POLICIES = {"slow": "PIPELINE_FAILURE_POLICY_FAIL_SLOW", "fast": "PIPELINE_FAILURE_POLICY_FAIL_FAST"}

OLD_VALUES = {"INT": "intValue", "DOUBLE": "doubleValue", "STRING": "stringValue"}


def build_pipeline_job(
    template: dict[str, Any],
    *,
    display_name: str,
    template_path: str,
    default_root: str,
    pipeline_root: str | None = None,
    parameter_values: Mapping[str, Any] | None = None,
    input_artifacts: Mapping[str, str] | None = None,
    enable_caching: bool | None = None,
    encryption_spec_key_name: str | None = None,
    labels: Mapping[str, str] | None = None,
    failure_policy: str | None = None,
    service_account: str | None = None,
    network: str | None = None,
    reserved_ip_ranges: list[str] | None = None,
) -> types.PipelineJob:
    """Make the resource that the service takes; the parameters are the operator's.

    :param template: what ``load_template`` returned; its caching options may be changed.
    :param default_root: where outputs go when neither the caller nor the template says it.
    :raises InvalidJobSpec: naming the field, the value and the rule.
    """
    for field, value, kind in (
        ("display_name", display_name, str),
        ("pipeline_root", pipeline_root, str),
        ("parameter_values", parameter_values, Mapping),
        ("input_artifacts", input_artifacts, Mapping),
        ("enable_caching", enable_caching, bool),
        ("encryption_spec_key_name", encryption_spec_key_name, str),
        ("labels", labels, Mapping),
        ("failure_policy", failure_policy, str),
        ("service_account", service_account, str),
        ("network", network, str),
        ("reserved_ip_ranges", reserved_ip_ranges, list),
    ):
        check_type(field, value, kind)
    if pipeline_root and not pipeline_root.startswith("gs://"):
        raise InvalidJobSpec(field="pipeline_root", value=pipeline_root, rule="begins with gs://")
    check_display_name(display_name)
    check_labels(labels or {})
    spec, runtime = template["pipelineSpec"], template["runtimeConfig"]
    if enable_caching is not None:
        _set_caching(spec, enable_caching)
    body = {
        "displayName": display_name,
        "pipelineSpec": spec,
        "labels": dict(labels or {}),
        "runtimeConfig": _runtime_config(spec, runtime, parameter_values, input_artifacts, failure_policy)
        | {
            "gcsOutputDirectory": pipeline_root
            or spec.get("defaultPipelineRoot")
            or runtime.get("gcsOutputDirectory")
            or default_root
        },
        "serviceAccount": service_account or "",
        "network": network or "",
        "reservedIpRanges": list(reserved_ip_ranges or ()),
    }
    if encryption_spec_key_name:
        body["encryptionSpec"] = {"kmsKeyName": encryption_spec_key_name}
    if "://" in template_path and not template_path.startswith("gs://"):
        body["templateUri"] = template_path
    message = types.PipelineJob.pb()()
    json_format.ParseDict(body, message)
    job: types.PipelineJob = types.PipelineJob.wrap(message)
    return job


def _runtime_config(
    spec: Mapping[str, Any],
    runtime: Mapping[str, Any],
    parameter_values: Mapping[str, Any] | None,
    input_artifacts: Mapping[str, str] | None,
    failure_policy: str | None,
) -> dict[str, Any]:
    inputs = spec["root"].get("inputDefinitions") or {}
    declared = inputs.get("parameters") or {}
    values = {**_template_values(runtime), **(parameter_values or {})}
    values = {name: value for name, value in values.items() if value is not None}
    check_parameters(declared, values, field="parameter_values")
    artifacts = inputs.get("artifacts") or {}
    for name in input_artifacts or {}:
        if name not in artifacts:
            raise InvalidJobSpec(
                field=f"input_artifacts[{name!r}]",
                value=name,
                rule=f"the pipeline takes {named(artifacts, 'artifacts')}",
            )
    check_failure_policy(failure_policy)
    config: dict[str, Any] = {
        "inputArtifacts": {name: {"artifactId": value} for name, value in (input_artifacts or {}).items()},
    }
    if policy := FAILURE_POLICIES.get(failure_policy or "") or runtime.get("failurePolicy"):
        config["failurePolicy"] = policy
    if Version(str(spec["schemaVersion"])) > Version("2.0.0"):
        config["parameterValues"] = values
    else:
        config["parameters"] = {name: _old_value(declared[name], value) for name, value in values.items()}
    return config


def _template_values(runtime: Mapping[str, Any]) -> dict[str, Any]:
    if "parameterValues" in runtime:
        return dict(runtime["parameterValues"])
    readers = {"intValue": int, "doubleValue": float, "stringValue": str}
    return {
        name: readers[word](content)
        for name, value in (runtime.get("parameters") or {}).items()
        for word, content in value.items()
    }


def _old_value(definition: Mapping[str, Any], value: Any) -> dict[str, Any]:
    content = json.dumps(value) if isinstance(value, bool | dict | list) else value
    return {OLD_VALUES.get(type_of(definition), "stringValue"): content}


def _set_caching(spec: dict[str, Any], enable: bool) -> None:
    for component in [spec["root"], *(spec.get("components") or {}).values()]:
        for task in ((component.get("dag") or {}).get("tasks") or {}).values():
            task["cachingOptions"] = {"enableCache": enable}


def check_failure_policy(failure_policy: Any) -> None:
    """Hold a failure policy to the two there are.

    :raises InvalidJobSpec: when it is neither.
    """
    if failure_policy is not None and failure_policy not in FAILURE_POLICIES:
        raise InvalidJobSpec(field="failure_policy", value=failure_policy, rule='must be "slow" or "fast"')


def check_job_id(job_id: str) -> None:
    """Hold a job id to the service's rule.

    :raises InvalidJobSpec: when it breaks it.
    """
    if not JOB_ID.fullmatch(job_id):
        raise InvalidJobSpec(
            field="job_id",
            value=job_id,
            rule="begins with a lower-case letter and has at most 128 of a-z, 0-9 and -",
        )
