"""What is refused of an AI Platform job before anything is sent."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from unit_samples import refused

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.mlengine_builder import build_mlengine_job

TRAINING: dict[str, Any] = {
    "region": "europe-west1",
    "packageUris": ["gs://b/trainer.tar.gz"],
    "pythonModule": "train",
}
PREDICTION: dict[str, Any] = {
    "region": "europe-west1",
    "dataFormat": "JSON",
    "uri": "gs://b/model",
    "inputPaths": ["gs://b/rows-*.json"],
    "outputPath": "gs://b/out",
}
IMAGE = {"imageUri": "gcr.io/p/trainer"}
CUSTOM = {"scaleTier": "CUSTOM", "masterType": "n1-standard-4"}


def training(**fields: Any) -> dict[str, Any]:
    """Describe a training job; a field that is None is left out."""
    return {"trainingInput": {k: v for k, v in (TRAINING | fields).items() if v is not None}}


def prediction(**fields: Any) -> dict[str, Any]:
    """Describe a batch prediction job; a field that is None is left out."""
    return {"predictionInput": {k: v for k, v in (PREDICTION | fields).items() if v is not None}}


@pytest.mark.parametrize(
    "job",
    [
        training(),
        training(scaleTier="BASIC_GPU", args=["--epochs", "3"], jobDir="gs://b/out"),
        training(**CUSTOM, workerCount="2", workerType="n1-standard-4", evaluatorCount=0),
        training(packageUris=None, pythonModule=None, masterConfig=IMAGE | {"containerCommand": ["run"]}),
        training(hyperparameters={"goal": "MAXIMIZE", "params": [{"parameterName": "rate"}]}),
        training(aFieldOfTomorrow={"deep": [1]}),
        training() | {"jobId": "a" * 128, "labels": {"team_a": "risk"}, "etag": "x"},
        prediction(),
        prediction(uri=None, modelName="projects/p/models/m"),
        prediction(uri=None, versionName="projects/p/models/m/versions/v", maxWorkerCount="3"),
    ],
)
def test_a_good_job_is_taken_whole(job: dict[str, Any]) -> None:
    """All fields pass through, and the user's own mapping is not touched."""
    given = copy.deepcopy(job)
    made = build_mlengine_job(job)
    assert (made, job) == (given, given)
    made[next(iter(made))]["region"] = "elsewhere"
    assert job == given


@pytest.mark.parametrize(
    ("job", "field", "value", "rule"),
    [
        ("job", "job", "str", "is a mapping"),
        ({}, "job", [], "exactly one of trainingInput and predictionInput"),
        (
            training() | prediction(),
            "job",
            ["trainingInput", "predictionInput"],
            "exactly one of trainingInput and predictionInput",
        ),
        ({"training_input": TRAINING}, "job", "training_input", "in camelCase"),
        (training(package_uris=["gs://b/x"]), "job.trainingInput", "package_uris", "in camelCase"),
        (
            training(masterConfig=IMAGE | {"container_args": []}),
            "job.trainingInput.masterConfig",
            "container_args",
            "in camelCase",
        ),
        ({"trainingInput": ["x"]}, "job.trainingInput", "list", "is a mapping"),
        (training() | {"jobId": "a-b"}, "job.jobId", "a-b", "letters, digits and underscores"),
        (training() | {"jobId": "1a"}, "job.jobId", "1a", "begins with a letter"),
        (training() | {"jobId": "a" * 129}, "job.jobId", "a" * 129, "at most 128"),
        (training() | {"labels": {"Team": "x"}}, "labels", "Team", "lower-case letter"),
        (training() | {"labels": ["x"]}, "job.labels", ["x"], "is a mapping"),
        (training(region=None), "job.trainingInput.region", None, "names one"),
        (training(scaleTier="HUGE"), "job.trainingInput.scaleTier", "HUGE", "is one of BASIC, STANDARD_1"),
        (training(scaleTier="CUSTOM"), "job.trainingInput.masterType", None, "with scaleTier CUSTOM"),
        (training(workerCount=2), "job.trainingInput.workerCount", 2, "with scaleTier CUSTOM only"),
        (training(**CUSTOM, workerCount="2"), "job.trainingInput.workerType", None, "with workerCount"),
        (training(**CUSTOM, evaluatorCount="x"), "job.trainingInput.evaluatorCount", "x", "whole number"),
        (training(packageUris=None), "job.trainingInput.packageUris", (), "unless masterConfig.imageUri"),
        (training(packageUris=["x.whl"]), "job.trainingInput.packageUris[0]", "x.whl", "is a gs:// address"),
        (training(packageUris=["gs://b/x"] * 101), "job.trainingInput.packageUris", 101, "at most 100"),
        (training(pythonModule=""), "job.trainingInput.pythonModule", "", "unless masterConfig.imageUri"),
        (
            training(masterConfig=IMAGE, runtimeVersion="2.11"),
            "job.trainingInput.runtimeVersion",
            "2.11",
            "without masterConfig.imageUri",
        ),
        (training() | {"predictionInput": {}}, "job", ["trainingInput", "predictionInput"], "exactly one of"),
        (training(**CUSTOM, workerCount=[1]), "job.trainingInput.workerCount", [1], "whole number"),
        (training(args="--x"), "job.trainingInput.args", "str", "is a list of texts"),
        (training(args=""), "job.trainingInput.args", "str", "is a list of texts"),
        (training(args=["--n", 3]), "job.trainingInput.args[1]", "int", "is a text"),
        (
            training(args=["--x"], masterConfig=IMAGE | {"containerArgs": ["--y"]}),
            "job.trainingInput.args",
            "1 words",
            "without containerArgs",
        ),
        (training(jobDir="/tmp/x"), "job.trainingInput.jobDir", "/tmp/x", "is a gs:// address"),
        (prediction(region=""), "job.predictionInput.region", "", "names one"),
        (prediction(uri=None), "job.predictionInput", [], "exactly one of modelName, versionName and uri"),
        (
            prediction(modelName="projects/p/models/m"),
            "job.predictionInput",
            ["modelName", "uri"],
            "exactly one of modelName, versionName and uri",
        ),
        (
            prediction(uri=None, modelName="m"),
            "job.predictionInput.modelName",
            "m",
            "projects/PROJECT/models/MODEL",
        ),
        (prediction(dataFormat="XML"), "job.predictionInput.dataFormat", "XML", "is one of JSON"),
        (prediction(inputPaths="gs://b/x"), "job.predictionInput.inputPaths", "gs://b/x", "lists the gs://"),
        (prediction(inputPaths=[]), "job.predictionInput.inputPaths", [], "lists the gs://"),
        (prediction(inputPaths=["x"]), "job.predictionInput.inputPaths[0]", "x", "is a gs:// address"),
        (prediction(outputPath=None), "job.predictionInput.outputPath", None, "is a gs:// address"),
    ],
)
def test_bad_input_is_refused(job: Any, field: str, value: object, rule: str) -> None:
    """A refusal names the field, its value and the rule."""
    with refused(field, value, rule):
        build_mlengine_job(job)


@pytest.mark.parametrize(
    "fields",
    [
        {"args": "--password=s3cret"},
        {"args": ["--password=s3cret", 3]},
        {"args": ["--password=s3cret"], "masterConfig": IMAGE | {"containerArgs": ["s3cret"]}},
    ],
)
def test_a_refusal_does_not_tell_the_arguments(fields: dict[str, Any]) -> None:
    """Whatever is wrong with the arguments, one of them may be a secret."""
    with pytest.raises(InvalidJobSpec) as caught:
        build_mlengine_job(training(**fields))
    assert "s3cret" not in str(caught.value)
