"""Finding a compiled pipeline, and refusing what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.auth.credentials import AnonymousCredentials
from unit_samples import refused

from airflow_mljobs.hooks.vertex_ai.pipeline_template import load_template

SPEC: dict[str, Any] = {
    "pipelineInfo": {"name": "train"},
    "root": {"dag": {"tasks": {}}},
    "schemaVersion": "2.1.0",
}
RUNTIME = {"gcsOutputDirectory": "gs://b/root"}


def load(path: object) -> dict[str, Any]:
    """Load a template as somebody without credentials."""
    return load_template(str(path), project=None, credentials=None)


def without(field: str) -> dict[str, Any]:
    """Return the spec without one of its fields."""
    return {key: value for key, value in SPEC.items() if key != field}


@pytest.mark.parametrize("dump", [json.dumps, yaml.safe_dump], ids=["json", "yaml"])
@pytest.mark.parametrize(
    ("document", "runtime"),
    [
        (SPEC, {}),
        ({"pipelineSpec": SPEC}, {}),
        ({"pipelineSpec": SPEC, "runtimeConfig": None}, {}),
        ({"pipelineSpec": SPEC, "runtimeConfig": RUNTIME, "displayName": "x"}, RUNTIME),
    ],
    ids=["spec", "job", "job without a configuration", "whole job"],
)
def test_a_compiled_pipeline_is_read(
    tmp_path: Path, dump: Any, document: dict[str, Any], runtime: dict[str, Any]
) -> None:
    """A spec and a whole job are read alike, as YAML and as JSON, whatever the file is called."""
    path = tmp_path / "pipeline"
    path.write_text(dump(document))
    assert {"pipelineSpec": SPEC, "runtimeConfig": runtime} == load(path)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("a: [", "must hold YAML or JSON"),
        ("{'a': b: c}", "must hold YAML or JSON"),
        ("!!python/object:os.system {}", "must hold YAML or JSON"),
        (b"\xff\xfe\x00\xd8", "must hold YAML or JSON"),
        ("", "must hold a compiled pipeline, not NoneType"),
        ("[1, 2]", "must hold a compiled pipeline, not list"),
        ("text", "must hold a compiled pipeline, not str"),
        ("{}", "it has no 'pipelineInfo'"),
        (json.dumps(without("pipelineInfo")), "it has no 'pipelineInfo'"),
        (json.dumps(without("root")), "it has no 'root'"),
        (json.dumps(without("schemaVersion")), "it has no 'schemaVersion'"),
        (json.dumps(SPEC | {"pipelineInfo": {"title": "x"}}), "must name its pipeline in pipelineInfo"),
        (json.dumps(SPEC | {"pipelineInfo": "train"}), "must name its pipeline in pipelineInfo"),
        ('{"pipelineSpec": null}', "must hold a compiled pipeline, not NoneType"),
        ('{"pipelineSpec": [1]}', "must hold a compiled pipeline, not list"),
        (json.dumps(SPEC | {"root": "dag"}), "root"),
        (json.dumps(SPEC | {"schemaVersion": "newest"}), "schemaVersion"),
        (json.dumps({"pipelineSpec": SPEC, "runtimeConfig": ["x"]}), "runtimeConfig"),
    ],
)
def test_what_is_no_pipeline_is_refused(tmp_path: Path, content: str | bytes, rule: str) -> None:
    """A file that is not a compiled pipeline is refused by its name, saying what is wrong."""
    path = tmp_path / "p.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with refused("template_path", str(path), rule):
        load(path)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("missing.yaml", "No such file or directory"),
        (".", "Is a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rule: str
) -> None:
    """A path that leads to no file is refused with the system's reason."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="must be a readable file") as caught:
        load(name)
    assert rule in str(caught.value)
    assert f"template_path={name[:199]!r}"[:200] in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/p.yaml",
        "https://example.com/p",
        "https://example.com/p.txt",
        "https://example.com/p.yaml.gz",
        "https://example.com/p?file=p.yaml&x=1",
        "s3://bucket/p.yaml",
        "file:///p.yaml",
        "http://europe-kfp.pkg.dev/p/r/train/v1",
    ],
)
def test_an_address_of_no_known_kind_is_refused(address: str) -> None:
    """Nothing is fetched from an address that is none of the four kinds."""
    with refused("template_path", address, "must be a local path, gs://…, https://REGION-kfp.pkg.dev/…"):
        load(address)


@pytest.mark.parametrize("path", ["gs://", "gs://bucket"])
def test_a_bucket_is_no_template(path: str) -> None:
    """An address in Cloud Storage names an object, which is seen without asking."""
    with refused("template_path", path, "must name an object in Cloud Storage"):
        load_template(path, project="p", credentials=AnonymousCredentials())
