"""An AI Platform job, checked before anything is sent."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import check_labels

JOB_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
INPUTS = ("trainingInput", "predictionInput")
SCALE_TIERS = ("BASIC", "STANDARD_1", "PREMIUM_1", "BASIC_GPU", "BASIC_TPU", "CUSTOM")
DATA_FORMATS = ("JSON", "TEXT", "TF_RECORD", "TF_RECORD_GZIP", "CSV")
REPLICAS = ("worker", "parameterServer", "evaluator")
MODELS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "modelName": (re.compile(r"projects/[^/]+/models/[^/]+"), "is projects/PROJECT/models/MODEL"),
    "versionName": (
        re.compile(r"projects/[^/]+/models/[^/]+/versions/[^/]+"),
        "is projects/PROJECT/models/MODEL/versions/VERSION",
    ),
    "uri": (re.compile(r"gs://[^/]+/.*"), "is a gs:// address"),
}
MAX_PACKAGES = 100


def build_mlengine_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resource to create, a copy.

    The rules are those of
    https://cloud.google.com/ai-platform/training/docs/reference/rest/v1/projects.jobs.

    :param job: the resource in the API's JSON form, field names in ``camelCase``.
    :raises InvalidJobSpec: naming the field, the value and the rule.
    """
    _require(isinstance(job, Mapping), "job", type(job).__name__, "is a mapping in the API's JSON form")
    made: dict[str, Any] = copy.deepcopy(dict(job))
    for path, name in _snake_names(made, "job"):
        raise InvalidJobSpec(field=path, value=name, rule="names its fields in camelCase, as the API does")
    given = [name for name in INPUTS if made.get(name) is not None]
    _require(len(given) == 1, "job", given, "has exactly one of trainingInput and predictionInput")
    kind = given[0]
    spec = made[kind]
    _require(isinstance(spec, Mapping), f"job.{kind}", type(spec).__name__, "is a mapping")
    if made.get("jobId") is not None:
        check_job_id(made["jobId"])
    labels = made.get("labels") or {}
    _require(isinstance(labels, Mapping), "job.labels", labels, "is a mapping of keys to values")
    check_labels(labels)
    region = spec.get("region")
    _require(_is_text(region), f"job.{kind}.region", region, "names one, such as europe-west1")
    (_check_training if kind == "trainingInput" else _check_prediction)(spec, f"job.{kind}")
    return made


def check_job_id(job_id: object, *, field: str = "job.jobId") -> None:
    """Hold a job's id to the service's rule.

    :param job_id: the id.
    :param field: what the user calls it.
    :raises InvalidJobSpec: when it breaks it.
    """
    _require(
        isinstance(job_id, str) and JOB_ID.fullmatch(job_id),
        field,
        job_id,
        "begins with a letter and has at most 128 letters, digits and underscores",
    )


def _check_training(spec: Mapping[str, Any], at: str) -> None:
    tier = spec.get("scaleTier")
    tiers = ", ".join(SCALE_TIERS)
    _require(tier is None or tier in SCALE_TIERS, f"{at}.scaleTier", tier, f"is one of {tiers}")
    master = spec.get("masterConfig") or {}
    _require(isinstance(master, Mapping), f"{at}.masterConfig", master, "is a mapping")
    image = master.get("imageUri")
    if not image:
        packages = spec.get("packageUris") or ()
        _check_addresses(packages, f"{at}.packageUris", "the packages, unless masterConfig.imageUri is given")
        _require(len(packages) <= MAX_PACKAGES, f"{at}.packageUris", len(packages), "are at most 100")
        module = spec.get("pythonModule")
        _require(
            _is_text(module), f"{at}.pythonModule", module, "names one, unless masterConfig.imageUri is given"
        )
    _require(
        not (image and spec.get("runtimeVersion")),
        f"{at}.runtimeVersion",
        spec.get("runtimeVersion"),
        "goes without masterConfig.imageUri",
    )
    if spec.get("args") is not None:
        _check_args(spec["args"], master, f"{at}.args")
    folder = spec.get("jobDir")
    _require(folder is None or _is_address(folder), f"{at}.jobDir", folder, "is a gs:// address")
    _check_cluster(spec, at, custom=tier == "CUSTOM")


def _check_args(args: Any, master: Mapping[str, Any], at: str) -> None:
    # Types and counts, but not the words themselves: one may be a password.
    _require(isinstance(args, list | tuple), at, type(args).__name__, "is a list of texts")
    for number, word in enumerate(args):
        _require(isinstance(word, str), f"{at}[{number}]", type(word).__name__, "is a text")
    _require(
        not (args and (master.get("containerArgs") or master.get("containerCommand"))),
        at,
        f"{len(args)} words",
        "goes without containerArgs and containerCommand of masterConfig",
    )


def _check_cluster(spec: Mapping[str, Any], at: str, *, custom: bool) -> None:
    _require(
        not custom or spec.get("masterType"),
        f"{at}.masterType",
        spec.get("masterType"),
        "must be given with scaleTier CUSTOM",
    )
    for replica in REPLICAS:
        count = spec.get(f"{replica}Count")
        if count in (None, 0, "0"):
            continue
        _require(str(count).isdecimal(), f"{at}.{replica}Count", count, "is a whole number")
        _require(custom, f"{at}.{replica}Count", count, "goes with scaleTier CUSTOM only")
        kind = spec.get(f"{replica}Type")
        _require(kind, f"{at}.{replica}Type", kind, f"must be given with {replica}Count")


def _check_prediction(spec: Mapping[str, Any], at: str) -> None:
    given = [name for name in MODELS if spec.get(name)]
    _require(len(given) == 1, at, given, "has exactly one of modelName, versionName and uri")
    form, rule = MODELS[given[0]]
    model = spec[given[0]]
    _require(isinstance(model, str) and form.fullmatch(model), f"{at}.{given[0]}", model, rule)
    data = spec.get("dataFormat")
    _require(data in DATA_FORMATS, f"{at}.dataFormat", data, f"is one of {', '.join(DATA_FORMATS)}")
    _check_addresses(spec.get("inputPaths"), f"{at}.inputPaths", "the files to read")
    output = spec.get("outputPath")
    _require(_is_address(output), f"{at}.outputPath", output, "is a gs:// address")


def _check_addresses(value: Any, field: str, what: str) -> None:
    _require(isinstance(value, list | tuple) and value, field, value, f"lists the gs:// addresses of {what}")
    for number, address in enumerate(value):
        _require(_is_address(address), f"{field}[{number}]", address, "is a gs:// address")


def _snake_names(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _snake_names(item, f"{path}[{number}]")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if "_" in str(name):
                yield path, str(name)
            if name != "labels":  # the only keys that are the user's own
                yield from _snake_names(item, f"{path}.{name}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("gs://") and len(value) > len("gs://")


def _require(holds: object, field: str, value: object, rule: str) -> None:
    if not holds:
        raise InvalidJobSpec(field=field, value=value, rule=rule)
