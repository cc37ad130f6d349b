"""A ``NotebookExecutionJob`` resource, checked before anything is sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf.duration_pb2 import Duration

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import check_display_name, check_labels
from airflow_mljobs.hooks.vertex_ai.parsing import parse_resource

RESOURCE = "notebook_execution_job"
SYSTEM_LABEL = "aiplatform.googleapis.com/"

UNIONS: Mapping[str, Sequence[str]] = {
    "notebook_source": ("dataform_repository_source", "gcs_notebook_source", "direct_notebook_source"),
    "environment_spec": ("notebook_runtime_template_resource_name", "custom_environment_spec"),
    "execution_identity": ("execution_user", "service_account"),
}
"""The unions of which a job has one member, by the API's names."""

FORMS: Mapping[str, str] = {
    "dataform_repository_source.dataform_repository_resource_name": (
        "projects/PROJECT/locations/REGION/repositories/ID"
    ),
    "gcs_notebook_source.uri": "gs://BUCKET/NAME",
    "notebook_runtime_template_resource_name": (
        "projects/PROJECT/locations/REGION/notebookRuntimeTemplates/ID"
    ),
    "encryption_spec.kms_key_name": "projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY",
}
"""What a field looks like when it is used; a word in capitals stands for any text."""

JOB_ID = re.compile(r"[A-Za-z0-9][\w-]{0,127}", re.ASCII)
OUTPUT = re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/.*)?")

Notebook = str | os.PathLike[str] | Mapping[str, Any]


def build_notebook_execution_job(
    notebook_execution_job: types.NotebookExecutionJob | Mapping[str, Any],
    *,
    notebook: Notebook | None = None,
) -> types.NotebookExecutionJob:
    """Return the resource to create.

    :param notebook_execution_job: the resource, as the official type or in its JSON form, with field names
        in ``snake_case`` or ``camelCase``. Its ``execution_timeout`` may be a timedelta, a number of
        seconds, or text such as ``3.5s``.
    :param notebook: path of an ``.ipynb`` file of this machine, or a notebook's JSON; it is sent along as
        the ``direct_notebook_source``.
    :raises InvalidJobSpec: naming the field, the value and the rule.
    """
    given, timeout = _without_timeout(notebook_execution_job)
    _refuse_rivals(given)
    message = parse_resource(types.NotebookExecutionJob, given, field=RESOURCE)
    if timeout is not None:
        message.execution_timeout.CopyFrom(timeout)
    if notebook is not None:
        if source := message.WhichOneof("notebook_source"):
            raise InvalidJobSpec(
                field="notebook", value=type(notebook).__name__, rule=f"is not given beside {source}"
            )
        message.direct_notebook_source.content = read_notebook(notebook)
    _check(message)
    job: types.NotebookExecutionJob = types.NotebookExecutionJob.wrap(message)
    return job


def as_view(view: str) -> types.NotebookExecutionJobView:
    """Return the API's value for ``BASIC`` or ``FULL``.

    :raises InvalidJobSpec: for anything else.
    """
    if view not in {"BASIC", "FULL"}:
        raise InvalidJobSpec(field="view", value=view, rule="is BASIC, or FULL for the notebook itself too")
    value: types.NotebookExecutionJobView = getattr(
        types.NotebookExecutionJobView, f"NOTEBOOK_EXECUTION_JOB_VIEW_{view}"
    )
    return value


def check_job_id(job_id: str) -> None:
    """Refuse an id that cannot be part of a resource name; the service documents no rule.

    :raises InvalidJobSpec: when it is one.
    """
    if not JOB_ID.fullmatch(job_id):
        raise InvalidJobSpec(
            field="notebook_execution_job_id",
            value=job_id,
            rule="has 1 to 128 letters, digits, - and _, and begins with a letter or digit",
        )


def read_notebook(notebook: Notebook) -> bytes:
    """Return the content of a notebook, given as a path or as its JSON.

    :raises InvalidJobSpec: when there is no notebook.
    """
    if isinstance(notebook, Mapping):
        try:
            content = json.dumps(notebook).encode()
        except (TypeError, ValueError) as error:
            raise InvalidJobSpec(
                field="notebook", value=sorted(map(str, notebook)), rule=f"is JSON: {error}"
            ) from error
    else:
        content = _read_file(os.fspath(notebook))
    _check_content(content, field="notebook")
    return content


def _read_file(path: str) -> bytes:
    rule = "is the path of a file on this machine"
    if path.startswith("gs://"):
        raise InvalidJobSpec(
            field="notebook", value=path, rule=f"{rule}; give gcs_notebook_source for one in a bucket"
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidJobSpec(field="notebook", value=path, rule=f"{rule}: {error.strerror}") from error


def _check_content(content: bytes, *, field: str) -> None:
    try:
        notebook = json.loads(content)
    except ValueError:
        notebook = None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise InvalidJobSpec(
            # Its size, but not what is in it: that may be secret.
            field=field,
            value=f"{len(content)} bytes",
            rule="holds a notebook of format 4: JSON with a list of cells",
        )


def _without_timeout(job: Any) -> tuple[Any, Duration | None]:
    if not isinstance(job, Mapping):
        return job, None
    rest = dict(job)
    timeouts = [rest.pop(key) for key in ("execution_timeout", "executionTimeout") if key in rest]
    if len(timeouts) > 1:
        raise InvalidJobSpec(
            field=f"{RESOURCE}.execution_timeout", value=timeouts, rule="is given once, in one spelling"
        )
    return rest, _as_duration(timeouts[0]) if timeouts and timeouts[0] is not None else None


def _as_duration(timeout: Any) -> Duration:
    duration = Duration()
    try:
        if isinstance(timeout, timedelta):
            duration.FromTimedelta(timeout)
        elif isinstance(timeout, str) and timeout.endswith("s"):
            duration.FromJsonString(timeout)
        elif isinstance(timeout, bool):
            raise TypeError
        else:
            # A number that went through a template has become text.
            duration.FromTimedelta(timedelta(seconds=float(timeout)))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidJobSpec(
            field=f"{RESOURCE}.execution_timeout",
            value=timeout,
            rule="is a timedelta, a number of seconds, or text such as 3.5s",
        ) from error
    return duration


def _refuse_rivals(given: Any) -> None:
    if not isinstance(given, Mapping):  # the official type keeps one member by itself
        return
    fields = types.NotebookExecutionJob.pb().DESCRIPTOR.fields_by_name
    for union, members in UNIONS.items():
        named = [
            member
            for member in members
            if any(given.get(key) is not None for key in {member, fields[member].json_name})
        ]
        if len(named) > 1:
            raise _one_of(union, members, named)


def _one_of(union: str, members: Sequence[str], named: Sequence[str]) -> InvalidJobSpec:
    return InvalidJobSpec(
        field=f"{RESOURCE}.{union}", value=list(named), rule=f"is exactly one of {', '.join(members)}"
    )


def _check(message: Any) -> None:
    check_display_name(message.display_name)
    # Vertex AI's own keys have a form of their own, and some are for users to set.
    check_labels({key: value for key, value in message.labels.items() if not key.startswith(SYSTEM_LABEL)})
    workbench = message.HasField("workbench_runtime")
    for union, members in UNIONS.items():
        # A Workbench runtime is an environment by itself; what it is made of is optional.
        optional = workbench and union == "environment_spec"
        if not message.WhichOneof(union) and not optional:
            raise _one_of(union, members, [])
    for field in ("notebook_runtime_template_resource_name", "execution_user"):
        if workbench and message.HasField(field):
            raise InvalidJobSpec(
                field=f"{RESOURCE}.{field}",
                value=getattr(message, field),
                rule="is for Colab Enterprise, and not given beside workbench_runtime",
            )
    timeout = message.execution_timeout
    if message.HasField("execution_timeout") and timeout.ToNanoseconds() <= 0:
        raise InvalidJobSpec(
            field=f"{RESOURCE}.execution_timeout",
            value=timeout.ToJsonString(),
            rule="is longer than 0 seconds",
        )
    _check_texts(message)


def _check_texts(message: Any) -> None:
    identity = message.WhichOneof("execution_identity")
    if "@" not in getattr(message, identity):
        raise InvalidJobSpec(
            field=f"{RESOURCE}.{identity}", value=getattr(message, identity), rule="is an email address"
        )
    if not OUTPUT.fullmatch(message.gcs_output_uri):
        raise InvalidJobSpec(
            field=f"{RESOURCE}.gcs_output_uri",
            value=message.gcs_output_uri,
            rule="is where the executed notebook goes: gs://BUCKET or gs://BUCKET/FOLDER",
        )
    if message.WhichOneof("notebook_source") == "direct_notebook_source":
        _check_content(
            message.direct_notebook_source.content, field=f"{RESOURCE}.direct_notebook_source.content"
        )
    for path, form in FORMS.items():
        first, _, rest = path.partition(".")
        if not message.HasField(first):
            continue
        value = getattr(getattr(message, first), rest) if rest else getattr(message, first)
        if not re.fullmatch(re.sub(r"[A-Z]{2,}", "[^/]+", form.replace("NAME", ".+")), value):
            raise InvalidJobSpec(field=f"{RESOURCE}.{path}", value=value, rule=f"has the form {form}")
