"""AI Platform's jobs on the local engine: training programs and predictions that really run."""

from __future__ import annotations

import importlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from engine_bench import Bench

from airflow_mljobs.emulator.execution.base import Phase, StoredJob

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
EXAMPLE = Path(__file__).parents[2] / "example_dags" / "training"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Start an engine on an empty folder, with a package that shows what it was given in the bucket."""
    with Bench(tmp_path / "data") as bench:
        pack(bench, "show.tar.gz", {"show.py": SHOW})
        yield bench


def pack(bench: Bench, name: str, files: Mapping[str, str]) -> None:
    """Put a source distribution into the bucket."""
    source = bench.data / "source" / "trainer-1.0"
    source.mkdir(parents=True, exist_ok=True)
    for file, text in {"setup.py": "", **files}.items():
        (source / file).write_text(text)
    (bench.gcs / "bucket").mkdir(exist_ok=True)
    with tarfile.open(bench.gcs / "bucket" / name, "w:gz") as archive:
        archive.add(source, source.name)


def job_of(**fields: Any) -> StoredJob:
    """Return a job as the store holds it."""
    name = "projects/my-project/jobs/j1"
    resource = {"name": name, "job": {"jobId": "j1", **fields}, "policy": {}}
    return StoredJob(name=name, kind="MLEngineJob", phase=Phase.QUEUED, labels={}, resource=resource)


def training(**fields: Any) -> StoredJob:
    """Return a training job that shows what it was given."""
    spec = {"region": "europe-west1", "packageUris": ["gs://bucket/show.tar.gz"], "pythonModule": "show"}
    return job_of(trainingInput=spec | fields)


def prediction(**fields: Any) -> StoredJob:
    """Return a batch prediction."""
    spec = {
        "region": "europe-west1",
        "dataFormat": "JSON",
        "uri": "gs://bucket/model",
        "inputPaths": ["gs://bucket/in/*.json"],
        "outputPath": "gs://bucket/out",
    }
    return job_of(predictionInput=spec | fields)


def shown(bench: Bench, job: StoredJob) -> tuple[list[str], dict[str, str]]:
    """Run a job that shows its arguments and its environment."""
    update = bench.run(job)
    assert update.phase is Phase.SUCCEEDED, update
    arguments, environment = json.loads(bench.log(job))
    return arguments, environment


def test_arguments_and_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets its arguments, then its job directory, and finds what the service documents."""
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret")
    job = training(args=["--data", "gs://bucket/in"], jobDir="gs://bucket/run", runtimeVersion="2.11")

    arguments, env = shown(bench, job)

    folder = bench.gcs / "bucket"
    assert arguments == ["--data", f"{folder}/in", "--job-dir", f"{folder}/run"]
    assert (env["CLOUD_ML_PROJECT_ID"], env["CLOUD_ML_REGION"], env["CLOUD_ML_JOB_ID"]) == (
        "my-project",
        "europe-west1",
        "j1",
    )
    config = json.loads(env["TF_CONFIG"])
    assert (config["task"], config["environment"]) == ({"type": "chief", "index": 0}, "cloud")
    assert config["job"]["pythonModule"] == "show"
    assert "AIRFLOW_CONN_X" not in env


@pytest.mark.parametrize(
    ("version", "word"), [("1.15", "master"), ("2.1", "chief"), ("2.11", "chief"), ("", "master")]
)
def test_the_name_of_the_master(bench: Bench, version: str, word: str) -> None:
    """The master is called chief from runtime version 2.1 on."""
    _, env = shown(bench, training(runtimeVersion=version))
    assert json.loads(env["TF_CONFIG"])["task"]["type"] == word


def test_a_container_command(bench: Bench) -> None:
    """A custom container's command runs, with its own arguments."""
    master = {"imageUri": "any", "containerCommand": ["python3", "-c", SHOW], "containerArgs": ["--x"]}
    job = job_of(trainingInput={"region": "r", "masterConfig": master, "useChiefInTfConfig": True})
    arguments, env = shown(bench, job)
    assert arguments == ["--x"]
    assert json.loads(env["TF_CONFIG"])["task"]["type"] == "chief"


def test_failure_tells_the_last_words(bench: Bench) -> None:
    """A failed program's status and last lines are in the error, in the service's words."""
    pack(bench, "bad.tar.gz", {"bad.py": "print('no such column'); raise SystemExit(3)"})
    error = bench.run(training(packageUris=["gs://bucket/bad.tar.gz"], pythonModule="bad")).error or ""
    assert error.startswith(
        "The replica master 0 exited with a non-zero status of 3. Termination reason: Error."
    )
    assert "no such column" in error


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (training(packageUris=["gs://bucket/none.tar.gz"]), "there is no"),
        (training(packageUris=["gs://bucket/../../x.whl"]), "leads out of its folder"),
        (training(hyperparameters={"goal": "MAXIMIZE"}), "not tuned"),
        (job_of(trainingInput={"region": "r", "masterConfig": {"imageUri": "i"}}), "Give the command"),
        (training(scheduling={"maxRunningTime": "soon"}), "soon"),
        (prediction(dataFormat="CSV"), "from JSON lines"),
        (prediction(), "There is no model"),
    ],
)
def test_what_cannot_run_says_why(bench: Bench, job: StoredJob, words: str) -> None:
    """A job that the engine cannot run fails with the reason."""
    update = bench.run(job)
    assert update.phase is Phase.FAILED
    assert words in (update.error or "")


def test_too_long_a_run(bench: Bench) -> None:
    """A program that runs longer than its scheduling allows is stopped and fails."""
    pack(bench, "slow.tar.gz", {"slow.py": "import time; time.sleep(600)"})
    job = training(
        packageUris=["gs://bucket/slow.tar.gz"], pythonModule="slow", scheduling={"maxRunningTime": "1s"}
    )
    assert "longer than its timeout of 1 s" in (bench.run(job).error or "")


def test_prediction_line_by_line(bench: Bench) -> None:
    """Each line is predicted in its order, and one that cannot be read goes to the errors."""
    folder = bench.gcs / "bucket"
    for name in ("model", "in"):
        (folder / name).mkdir(parents=True)
    (folder / "model" / "model.json").write_text(json.dumps({"weights": [2.0, -1.0], "bias": 0.0}))
    (folder / "in" / "a.json").write_text('[3, 1]\n\n{"features": [0, 4]}\n')
    (folder / "in" / "b.json").write_text('[1]\n"x"\n[0, 0]\n')

    assert bench.run(prediction()).phase is Phase.SUCCEEDED

    results = [json.loads(line) for line in read(folder, "results")]
    assert [result["label"] for result in results] == [1, 0, 1]
    assert results[2]["probability"] == pytest.approx(0.5)
    assert len(read(folder, "errors_stats")) == 2


def test_no_input(bench: Bench) -> None:
    """A prediction without any input fails and names what was not found."""
    folder = bench.gcs / "bucket" / "model"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"weights": [1.0], "bias": 0.0}))
    assert "There is no file" in (bench.run(prediction()).error or "")


def read(folder: Path, what: str) -> list[str]:
    """Return the lines of a prediction's output."""
    return (folder / "out" / f"prediction.{what}-00000-of-00001").read_text().splitlines()


def test_the_example_trains_and_its_model_predicts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's package trains a model below its job directory, which a prediction then uses."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    package = importlib.import_module("package")
    folder = bench.gcs / "bucket"
    (folder / "trainer.tar.gz").write_bytes(package.source_distribution())
    job = training(packageUris=["gs://bucket/trainer.tar.gz"], pythonModule="train", jobDir="gs://bucket")

    assert bench.run(job).phase is Phase.SUCCEEDED

    assert json.loads((folder / "model" / "metrics.json").read_text())["accuracy"] > 0.8
    (folder / "in").mkdir()
    (folder / "in" / "rows.json").write_text("[-2, -1, 0]\n[2, 1, 1]\n")
    predicted = prediction()
    bench.engine.start(predicted)
    bench.await_news(lambda: bench.phases(predicted).count(Phase.SUCCEEDED) == 2)
    assert [json.loads(line)["label"] for line in read(folder, "results")] == [0, 1]
