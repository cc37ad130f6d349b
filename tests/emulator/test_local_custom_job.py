"""CustomJobs on the local engine: what they run, with what environment, and how they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from engine_bench import Bench, command, custom_job

from airflow_mljobs.emulator.execution.base import Phase

TRAIN = Path(__file__).parents[2] / "example_dags" / "training" / "train.py"
SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Start an engine on an empty folder."""
    with Bench(tmp_path / "data") as bench:
        yield bench


def show(bench: Bench, job: Any) -> tuple[list[str], dict[str, str]]:
    """Run a job that shows its arguments and its environment."""
    update = bench.run(job)
    assert update.phase is Phase.SUCCEEDED, update
    arguments, environment = json.loads(bench.log(job))
    return arguments, environment


def test_exit_status_and_last_lines(bench: Bench) -> None:
    """A failure says the status, the last lines of the output, and where the rest is."""
    job = command("1", "sh", "-c", "seq 100; echo no such column; exit 3")
    error = bench.run(job).error or ""
    assert error.startswith(
        "The replica workerpool0-0 exited with a non-zero status of 3. Termination reason: Error. 92\n"
    )
    assert "100\nno such column\nThe full output is in" in error
    assert str(bench.data / "logs" / "1.log") in error


def test_error_is_bounded(bench: Bench) -> None:
    """A flood of output does not flood the error."""
    job = command("1", sys.executable, "-c", "print('x' * 100_000); print('é' * 2000); exit(1)")
    error = bench.run(job).error or ""
    assert len(error.encode()) < 2000
    assert "é" in error


def test_death_by_signal(bench: Bench) -> None:
    """A process killed by a signal fails with the shell's status and the signal's name."""
    error = bench.run(command("1", "sh", "-c", "kill -SEGV $$")).error or ""
    assert "exited with a non-zero status of 139 (killed by SIGSEGV)" in error


def test_command_not_found(bench: Bench) -> None:
    """A command that is not there fails as a container that cannot start."""
    error = bench.run(command("1", "no-such-command")).error or ""
    assert "non-zero status of 128. Termination reason: StartError" in error
    assert "no-such-command" in error


def test_no_command(bench: Bench) -> None:
    """A job that leaves the command to its image is told that images are not run."""
    pool = {"containerSpec": {"imageUri": "gcr.io/p/image", "args": ["--x"]}}
    error = bench.run(custom_job("1", {"workerPoolSpecs": [pool]})).error or ""
    assert "records images and does not run them" in error
    assert "gcr.io/p/image" in error


def test_timeout(bench: Bench) -> None:
    """A job that runs longer than its scheduling allows is stopped and fails."""
    job = command("1", "sh", "-c", "echo begun; sleep 600", scheduling={"timeout": "1s"})
    error = bench.run(job).error or ""
    assert "longer than its timeout of 1 s" in error
    assert "begun" in error


def test_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job finds what the service documents, its own variables, and nothing of the user's."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret.json")
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret")
    container = {
        "imageUri": "any",
        "command": ["python3", "-c", SHOW],
        "args": ["--data=gs://bucket/in/data.csv", "/gcs/bucket/x", "plain"],
        "env": [{"name": "OUT", "value": "gs://other/deep/out.json"}, {"name": "PLAIN", "value": "1"}],
    }
    spec = {
        "workerPoolSpecs": [{"containerSpec": container}],
        "baseOutputDirectory": {"outputUriPrefix": "gs://bucket/run"},
    }
    arguments, env = show(bench, custom_job("42", spec))
    assert arguments == [f"--data={bench.gcs}/bucket/in/data.csv", f"{bench.gcs}/bucket/x", "plain"]
    assert env["AIP_MODEL_DIR"] == f"{bench.gcs}/bucket/run/model/"
    assert env["AIP_CHECKPOINT_DIR"] == f"{bench.gcs}/bucket/run/checkpoints/"
    assert env["AIP_TENSORBOARD_LOG_DIR"] == f"{bench.gcs}/bucket/run/logs/"
    assert (bench.gcs / "bucket" / "run" / "model").is_dir()
    assert (bench.gcs / "other" / "deep").is_dir()
    assert (env["OUT"], env["PLAIN"]) == (f"{bench.gcs}/other/deep/out.json", "1")
    assert env["CLOUD_ML_PROJECT_ID"] == "my-project"
    assert env["CLOUD_ML_REGION"] == "europe-west1"
    assert env["CLOUD_ML_JOB_ID"] == "42"
    assert json.loads(env["CLUSTER_SPEC"])["task"] == {"type": "workerpool0", "index": 0}
    assert json.loads(env["TF_CONFIG"])["task"] == {"type": "chief", "index": 0}
    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "AIRFLOW_CONN_X"} & env.keys()
    assert env["HOME"] != os.environ.get("HOME")


def test_no_output_directory(bench: Bench) -> None:
    """Without a base output directory no AIP variable is set."""
    _, env = show(bench, command("1", "python", "-c", SHOW))
    assert [name for name in env if name.startswith("AIP_")] == []


def test_addresses_may_not_lead_out(bench: Bench) -> None:
    """An address that leaves the emulator's storage fails the job."""
    error = bench.run(command("1", "cat", "gs://bucket/../../x")).error or ""
    assert "leads out of its folder" in error


def write_package(folder: Path, *, layout: str) -> Path:
    """Write a package that shows its arguments and environment, as a folder of this layout."""
    package = folder / layout / "trainer"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "task.py").write_text(SHOW)
    return folder


def pack(folder: Path, *, form: str) -> Path:
    """Pack a small training package in one of the supported forms."""
    if form == "folder":
        return write_package(folder / "plain", layout=".")
    if form == "wheel":
        source, target = write_package(folder / "wheel", layout="."), folder / "trainer-1-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for file in source.rglob("*.py"):
                archive.write(file, file.relative_to(source))
        return target
    source = write_package(folder / "trainer-1", layout="src" if form == "src-sdist" else ".")
    (source / "pyproject.toml").touch()
    target = folder / f"{form}.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        archive.add(source, "trainer-1")
    return target


def package_job(uri: str) -> Any:
    """Return a job that runs the package."""
    spec: Mapping[str, Any] = {
        "executorImageUri": "any",
        "packageUris": [uri],
        "pythonModule": "trainer.task",
        "args": ["--out", "gs://bucket/out"],
        "env": [{"name": "MODE", "value": "test"}],
    }
    return custom_job("1", {"workerPoolSpecs": [{"pythonPackageSpec": spec}]})


@pytest.mark.parametrize("form", ["folder", "wheel", "sdist", "src-sdist"])
def test_python_package(bench: Bench, tmp_path: Path, form: str) -> None:
    """A module runs from a package in each supported form, with arguments and environment."""
    arguments, env = show(bench, package_job(str(pack(tmp_path, form=form))))
    assert arguments == ["--out", f"{bench.gcs}/bucket/out"]
    assert env["MODE"] == "test"


def test_python_package_in_a_bucket(bench: Bench, tmp_path: Path) -> None:
    """A package is found where it was uploaded."""
    (bench.gcs / "bucket").mkdir()
    pack(tmp_path, form="sdist").rename(bench.gcs / "bucket" / "trainer.tar.gz")
    arguments, _ = show(bench, package_job("gs://bucket/trainer.tar.gz"))
    assert arguments[0] == "--out"


def test_python_package_missing_or_broken(bench: Bench, tmp_path: Path) -> None:
    """A package that is not there, or none, fails the job with its name."""
    assert "there is no" in (bench.run(package_job(str(tmp_path / "none.tar.gz"))).error or "")
    broken = tmp_path / "broken.whl"
    broken.write_text("x")
    job = package_job(str(broken))
    bench.engine.start(job)
    bench.await_news(lambda: bench.phases(job).count(Phase.FAILED) == 2)
    assert "broken.whl is no sdist" in (bench.updates(job)[-1].error or "")


def test_training_example(bench: Bench) -> None:
    """The example trains a model that is better than chance and leaves it with its metrics."""
    job = command(
        "1", "python3", str(TRAIN), "--epochs", "20", baseOutputDirectory={"outputUriPrefix": "gs://b-1/m"}
    )
    assert bench.run(job).phase is Phase.SUCCEEDED
    folder = bench.gcs / "b-1" / "m" / "model"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.8
    assert metrics["rows"] == 1000
    assert len(json.loads((folder / "model.json").read_text())["weights"]) == 3
    assert "epoch 20/20 loss" in bench.log(job)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "0 is not above zero"),
        (["--learning-rate", "nan"], "nan is not above zero, or not finite"),
        (["--rows", "3"], "at least 10 are needed"),
    ],
)
def test_training_example_refuses(arguments: list[str], message: str) -> None:
    """The example exits with a status and a reason on arguments that make no sense."""
    done = subprocess.run(
        [sys.executable, str(TRAIN), *arguments], capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 2
    assert message in done.stderr
