"""Find a compiled pipeline and read it.

The SDK has a loader of its own, behind an import of several seconds; reading a file needs none of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from packaging.version import InvalidVersion, Version

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, check_type

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

ARTIFACT_REGISTRY = re.compile(r"https://[\w-]+-kfp\.pkg\.dev/.+")
HTTPS_FILE = re.compile(r"https://.+\.(json|yaml|yml)(\?.*)?")


def load_template(path: str, *, project: str | None, credentials: Credentials | None) -> dict[str, Any]:
    """Read a compiled pipeline, YAML or JSON, as a spec or as a whole job.

    :param path: a local path, ``gs://…``, an Artifact Registry address
        (``https://REGION-kfp.pkg.dev/…``), or an ``https://`` address of a YAML or JSON file.
    :param project: whom Cloud Storage bills for the read.
    :param credentials: shown to Cloud Storage and Artifact Registry, and to nobody else.
    :return: ``{"pipelineSpec": …, "runtimeConfig": …}``.
    :raises InvalidJobSpec: when there is nothing there, or it is not a compiled pipeline.
    """
    check_type("template_path", path, str)
    if not path:
        raise InvalidJobSpec(field="template_path", value=path, rule="names a compiled pipeline")
    try:
        document = yaml.load(_read(path, project, credentials), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidJobSpec(
            field="template_path", value=path, rule=f"must hold YAML or JSON, but: {reason}"
        ) from error
    job = (
        document if isinstance(document, dict) and "pipelineSpec" in document else {"pipelineSpec": document}
    )
    _check_spec(job["pipelineSpec"], path)
    if not isinstance(job.get("runtimeConfig") or {}, dict):
        rule = "must have a mapping as its runtimeConfig"
        raise InvalidJobSpec(field="template_path", value=path, rule=rule)
    return {"pipelineSpec": job["pipelineSpec"], "runtimeConfig": job.get("runtimeConfig") or {}}


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(path: str, project: str | None, credentials: Credentials | None) -> bytes:
    if path.startswith("gs://"):
        return _read_storage(path, project, credentials)
    if ARTIFACT_REGISTRY.fullmatch(path) or HTTPS_FILE.fullmatch(path):
        return _read_https(path, credentials if ARTIFACT_REGISTRY.fullmatch(path) else None)
    if "://" in path:
        raise InvalidJobSpec(
            field="template_path",
            value=path,
            rule="must be a local path, gs://…, https://REGION-kfp.pkg.dev/… or an https:// address that "
            "ends in .json, .yaml or .yml",
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidJobSpec(
            field="template_path", value=path, rule=f"must be a readable file, but: {error.strerror}"
        ) from error


def _read_storage(path: str, project: str | None, credentials: Credentials | None) -> bytes:
    from google.api_core.exceptions import NotFound
    from google.cloud.storage import Blob, Client

    client = Client(project=project, credentials=credentials)
    try:
        content: bytes = Blob.from_uri(path, client=client).download_as_bytes(timeout=REQUEST_TIMEOUT)
    except (NotFound, ValueError) as error:
        raise InvalidJobSpec(
            field="template_path", value=path, rule="must name an object in Cloud Storage; there is none"
        ) from error
    finally:
        client.close()
    return content


def _read_https(path: str, credentials: Credentials | None) -> bytes:
    import requests
    from google.auth.transport.requests import AuthorizedSession

    session = AuthorizedSession(credentials) if credentials else requests.Session()  # type: ignore[no-untyped-call]
    with session:
        response = session.get(path, timeout=REQUEST_TIMEOUT)
    if response.status_code in {404, 410}:
        raise InvalidJobSpec(
            field="template_path", value=path, rule=f"must exist; the server answers {response.status_code}"
        )
    response.raise_for_status()
    return bytes(response.content)


def _check_spec(spec: Any, path: str) -> None:
    if not isinstance(spec, dict):
        raise InvalidJobSpec(
            field="template_path",
            value=path,
            rule=f"must hold a compiled pipeline, not {type(spec).__name__}",
        )
    for field in ("pipelineInfo", "root", "schemaVersion"):
        if not spec.get(field):
            raise InvalidJobSpec(
                field="template_path", value=path, rule=f"must hold a compiled pipeline; it has no {field!r}"
            )
    root = spec["root"]
    inputs = root.get("inputDefinitions") or {} if isinstance(root, dict) else {}
    for field, value in (
        ("root", root),
        ("root.dag", root.get("dag") or {} if isinstance(root, dict) else {}),
        ("root.inputDefinitions", inputs),
        (
            "root.inputDefinitions.parameters",
            inputs.get("parameters") or {} if isinstance(inputs, dict) else {},
        ),
    ):
        if not isinstance(value, dict):
            raise InvalidJobSpec(
                field="template_path", value=path, rule=f"must have a mapping as its {field}"
            )
    try:
        Version(str(spec["schemaVersion"]))
    except InvalidVersion as error:
        raise InvalidJobSpec(
            field="template_path", value=path, rule=f"must have a version as its schemaVersion, but: {error}"
        ) from error
    if not isinstance(spec["pipelineInfo"], dict) or not spec["pipelineInfo"].get("name"):
        raise InvalidJobSpec(field="template_path", value=path, rule="must name its pipeline in pipelineInfo")
