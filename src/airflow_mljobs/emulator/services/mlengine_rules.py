"""What AI Platform refuses in a job, in the words that it uses: `Field: <field> Error: <rule>`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import grpc

from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.services.validation import Violations, check_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

_JOB_ID = re.compile(r"[A-Za-z]\w{0,127}", re.ASCII)
_INPUTS = ("trainingInput", "predictionInput")
_MODELS = ("modelName", "versionName", "uri")
_REPLICAS = {"worker": "worker", "parameterServer": "parameter_server", "evaluator": "evaluator"}
_PREDICTION_FIELDS = {"region": "region", "inputPaths": "input_paths", "outputPath": "output_path"}
_MAX_PACKAGES = 100


class FieldError(ServiceError):
    """A refusal that names one field."""

    def __init__(
        self, field: str, description: str, *, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
    ) -> None:
        super().__init__(code, f"Field: {field} Error: {description}")
        self.field = field
        self.description = description


def check_job(job: Mapping[str, Any], *, whole: bool = True) -> None:
    """Refuse what the reference of the resource rules out.

    :param job: the resource, with the types that the service declares.
    :param whole: whether it is the job itself, and not a change of it.
    """
    violations = Violations()
    check_labels(job.get("labels", {}), violations)
    violations.raise_if_any()
    if not whole:
        return
    if not _JOB_ID.fullmatch(job.get("jobId", "")):
        raise FieldError(
            "job.job_id", "Must begin with a letter, and have at most 128 letters, digits and underscores."
        )
    given = [name for name in _INPUTS if name in job]
    if len(given) != 1:
        raise FieldError("job", "Exactly one of training_input and prediction_input must be set.")
    (_check_training if given == ["trainingInput"] else _check_prediction)(job[given[0]])


def number_in(query: Mapping[str, str], name: str) -> int:
    """Read a number of a query; 0 where there is none."""
    text = query.get(name, "0")
    if not re.fullmatch(r"-?\d+", text):
        msg = f"Invalid value at '{name}' (TYPE_INT32), \"{text}\""
        raise invalid(msg)
    return int(text)


def _check_training(spec: Mapping[str, Any]) -> None:
    _require(spec.get("region"), "training_input.region")
    master = spec.get("masterConfig", {})
    if master.get("imageUri"):
        if spec.get("runtimeVersion"):
            raise FieldError(
                "training_input.runtime_version", "Must not be set together with master_config.image_uri."
            )
    else:
        _require(spec.get("packageUris"), "training_input.package_uris")
        _require(spec.get("pythonModule"), "training_input.python_module")
        if master.get("containerCommand") or master.get("containerArgs"):
            raise FieldError("training_input.master_config", "A command needs image_uri.")
    if len(spec.get("packageUris", ())) > _MAX_PACKAGES:
        raise FieldError("training_input.package_uris", f"There must be at most {_MAX_PACKAGES}.")
    if spec.get("args") and (master.get("containerCommand") or master.get("containerArgs")):
        raise FieldError("training_input.args", "Must not be set together with those of master_config.")
    for address in (*spec.get("packageUris", ()), *filter(None, [spec.get("jobDir")])):
        _check_address(address, "training_input")
    custom = spec.get("scaleTier") == "CUSTOM"
    if custom:
        _require(spec.get("masterType"), "training_input.master_type")
    for camel, snake in _REPLICAS.items():
        if int(spec.get(f"{camel}Count", "0")):
            if not custom:
                raise FieldError(f"training_input.{snake}_count", "Needs scale_tier CUSTOM.")
            _require(spec.get(f"{camel}Type"), f"training_input.{snake}_type")


def _check_prediction(spec: Mapping[str, Any]) -> None:
    for camel, snake in _PREDICTION_FIELDS.items():
        _require(spec.get(camel), f"prediction_input.{snake}")
    if spec.get("dataFormat", "DATA_FORMAT_UNSPECIFIED") == "DATA_FORMAT_UNSPECIFIED":
        raise FieldError("prediction_input.data_format", "Must be set.")
    if len([name for name in _MODELS if spec.get(name)]) != 1:
        raise FieldError(
            "prediction_input.model_version", "Exactly one of model_name, version_name and uri must be set."
        )
    for address in (*spec["inputPaths"], spec["outputPath"]):
        _check_address(address, "prediction_input")


def _check_address(address: str, field: str) -> None:
    if not re.fullmatch(r"gs://[^/]+/.+", address):
        raise FieldError(field, f"'{address}' is not an address in Cloud Storage.")


def _require(value: object, field: str) -> None:
    if not value:
        raise FieldError(field, "Must be set.")
