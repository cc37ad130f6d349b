"""A ``CustomJob`` resource, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.cloud.aiplatform_v1 import types

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import check_display_name, check_labels
from airflow_mljobs.hooks.vertex_ai.parsing import parse_resource


def build_custom_job(
    custom_job: types.CustomJob | Mapping[str, Any], *, labels: Mapping[str, str] | None = None
) -> types.CustomJob:
    """Return the resource to create.

    :param custom_job: the resource, as the official type or in its JSON form, with field names in
        ``snake_case`` or ``camelCase``.
    :param labels: further labels of the job.
    :raises InvalidJobSpec: naming the field, the value and the rule.
    """
    message = parse_resource(types.CustomJob, custom_job, field="custom_job")
    message.labels.update(labels or {})
    check_display_name(message.display_name)
    check_labels(message.labels)
    _check_pools(message)
    job: types.CustomJob = types.CustomJob.wrap(message)
    return job


def _check_pools(message: Any) -> None:
    pools = message.job_spec.worker_pool_specs
    if not pools:
        raise InvalidJobSpec(
            field="custom_job.job_spec.worker_pool_specs", value=[], rule="holds at least one worker pool"
        )
    for number, pool in enumerate(pools):
        field = f"custom_job.job_spec.worker_pool_specs[{number}]"
        is_unused = number > 0 and not pool.ByteSize()
        if is_unused:  # an empty entry keeps the place of a kind of worker that a job does without
            continue
        if pool.WhichOneof("task") is None:
            raise InvalidJobSpec(
                field=field, value="neither", rule="has either container_spec or python_package_spec"
            )
        if pool.HasField("container_spec") and not pool.container_spec.image_uri:
            raise InvalidJobSpec(field=f"{field}.container_spec.image_uri", value="", rule="names an image")
        if pool.HasField("python_package_spec"):
            for required in ("executor_image_uri", "package_uris", "python_module"):
                if not getattr(pool.python_package_spec, required):
                    raise InvalidJobSpec(
                        field=f"{field}.python_package_spec.{required}", value="", rule="must be given"
                    )
