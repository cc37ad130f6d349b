"""Compiled pipelines on the local engine, through kfp.local in its own environment."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_bench import KFP_PYTHON, Bench, await_that, is_running, pipeline_job

from airflow_mljobs.emulator.execution.base import Phase
from airflow_mljobs.emulator.execution.kfp_environment import KFP_VERSION, KfpEnvironment

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "pipelines" / "train_and_evaluate.py"
SUCCEEDED, FAILED = (Phase.SUCCEEDED, None), Phase.FAILED


@pytest.fixture(scope="module")
def kfp_python() -> Path:
    """Return the interpreter that has kfp; the engine makes its environment where none is given."""
    return asyncio.run(KfpEnvironment(python=KFP_PYTHON).python())


@pytest.fixture(scope="module")
def samples(kfp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Compile the samples; they go by name."""
    folder = tmp_path_factory.mktemp("samples")
    subprocess.run([kfp_python, Path(__file__).with_name("kfp_samples.py"), folder], check=True)
    return {file.stem: yaml.safe_load(file.read_text()) for file in folder.iterdir()}


@pytest.fixture(scope="module")
def example() -> Any:
    """Load the compiled example."""
    return yaml.safe_load(EXAMPLE.with_suffix(".yaml").read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Start an engine with a bucket to read from."""
    with Bench(tmp_path / "data", grace=1) as bench:
        (bench.gcs / "bucket" / "in").mkdir(parents=True)
        yield bench


def test_example_succeeds(bench: Bench, example: Any) -> None:
    """The example's three tasks run in order and leave their artifacts below the pipeline root."""
    job = pipeline_job("run-1", example, {"rows": 200, "epochs": 10, "min_accuracy": 0.5})
    assert bench.run(job).phase is Phase.SUCCEEDED
    assert bench.phases(job) == [Phase.PENDING, Phase.RUNNING, Phase.SUCCEEDED]
    moves = [
        [(task.name, task.phase) for task in update.tasks] for update in bench.updates(job) if update.tasks
    ]
    names = ["make-data", "train", "evaluate"]
    assert moves[0] == [(name, Phase.PENDING) for name in names]
    assert moves[1:] == [[(name, phase)] for name in names for phase in (Phase.RUNNING, Phase.SUCCEEDED)]
    root = bench.gcs / "bucket" / "pipelines" / "my-project" / "run-1"
    [metrics] = root.glob("*/evaluate/metrics")
    assert json.loads(metrics.read_text())["test_rows"] == 40
    [model] = root.glob("*/train/model")
    assert len(json.loads(model.read_text())["weights"]) == 2
    assert "epoch 10/10" in bench.log(job)


def test_example_fails(bench: Bench, example: Any) -> None:
    """A failing task is named with its real exception; the pipeline leaves its error to its tasks."""
    job = pipeline_job("run-1", example, {"epochs": 1, "min_accuracy": 0.9999})
    last = bench.run(job)
    assert (last.phase, last.error) == (Phase.FAILED, None)
    tasks = bench.tasks(job)
    assert (tasks["make-data"], tasks["train"]) == (SUCCEEDED, SUCCEEDED)
    phase, error = tasks["evaluate"]
    assert phase is FAILED
    assert (error or "").startswith("ValueError: accuracy 0.")
    assert "is below the required 0.9999\nLast output:\n" in (error or "")


def test_tasks_after_a_failure(bench: Bench, samples: Mapping[str, Any]) -> None:
    """A component that dies silently fails with its last output, and what follows it is skipped."""
    job = pipeline_job("run-1", samples["crashing"], {})
    assert bench.run(job).phase is Phase.FAILED
    assert bench.tasks(job) == {"crash": (FAILED, "last words"), "never": (Phase.SKIPPED, None)}


def test_failure_before_an_exit_task(bench: Bench, samples: Mapping[str, Any]) -> None:
    """A pipeline whose exit task succeeds after a failure has failed."""
    job = pipeline_job("run-1", samples["tidied"], {})
    assert bench.run(job).phase is Phase.FAILED
    assert bench.tasks(job) == {"crash": (FAILED, "last words"), "never": SUCCEEDED}


def test_addresses(bench: Bench, samples: Mapping[str, Any]) -> None:
    """An imported artifact and a parameter that lie in a bucket are read from its folder."""
    (bench.gcs / "bucket" / "in" / "artifact.txt").write_text("a")
    (bench.gcs / "bucket" / "in" / "parameter.txt").write_text("p")
    job = pipeline_job("run-1", samples["addresses"], {})
    assert bench.run(job).phase is Phase.SUCCEEDED
    assert bench.tasks(job) == {"importer": SUCCEEDED, "read": SUCCEEDED}
    [output] = (bench.gcs / "bucket" / "pipelines").glob("**/read/executor_output.json")
    assert json.loads(output.read_text())["parameterValues"] == {"Output": "ap"}


def test_control_flow(bench: Bench, samples: Mapping[str, Any]) -> None:
    """Loops tell each turn, a retried task has succeeded, and a branch not taken is skipped."""
    job = pipeline_job("run-1", samples["control"], {"count": 3, "folder": "gs://bucket/in"})
    assert bench.run(job).phase is Phase.SUCCEEDED
    assert bench.tasks(job) == {
        "numbers": SUCCEEDED,
        "double": SUCCEEDED,
        "double-2": SUCCEEDED,
        "unstable": SUCCEEDED,
        "never": (Phase.SKIPPED, None),
    }


def test_component_that_needs_its_image(bench: Bench, samples: Mapping[str, Any]) -> None:
    """A container component fails in kfp's own words."""
    job = pipeline_job("run-1", samples["image"], {})
    assert bench.run(job).phase is Phase.FAILED
    phase, error = bench.tasks(job)["container"]
    assert phase is FAILED
    assert "only supports running Lightweight Python Components" in (error or "")


def test_spec_that_kfp_cannot_run(bench: Bench, samples: Mapping[str, Any]) -> None:
    """A pipeline that does not even begin fails with kfp's reason."""
    error = bench.run(pipeline_job("run-1", samples["waiting"], {})).error or ""
    assert "The pipeline could not be run" in error
    assert "folder" in error


def test_cancel(bench: Bench, samples: Mapping[str, Any]) -> None:
    """A cancelled pipeline takes the running component with it, and its tasks say so."""
    job = pipeline_job("run-1", samples["waiting"], {"folder": "gs://bucket/in"})
    bench.engine.start(job)
    mark = bench.gcs / "bucket" / "in" / "pid"
    await_that(lambda: mark.exists() and mark.read_text())
    bench.engine.cancel(job)
    assert bench.finish(job).phase is Phase.CANCELLED
    assert bench.tasks(job) == {"wait": (Phase.CANCELLED, None), "never": (Phase.SKIPPED, None)}
    await_that(lambda: not is_running(int(mark.read_text())))


def test_no_pipeline_root(bench: Bench, example: Any) -> None:
    """A pipeline without a root for its artifacts is told to name one."""
    job = pipeline_job("run-1", example, {})
    assert job.pipeline is not None
    rootless = replace(job, pipeline=replace(job.pipeline, root=""))
    assert "has no root" in (bench.run(rootless).error or "")


def test_pipeline_of_another_kind(bench: Bench, example: Any) -> None:
    """A job that brings no compiled pipeline, such as an Argo workflow, is refused with the reason."""
    job = replace(pipeline_job("run-1", example, {}), pipeline=None)
    assert "an Argo workflow needs its images" in (bench.run(job).error or "")


def test_environment_that_cannot_be_made(
    tmp_path: Path, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where kfp cannot be installed, the job fails with the end of pip's output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with Bench(tmp_path / "data", kfp_python=None) as bench:
        job = pipeline_job("run-1", example, {})
        error = bench.run(job).error or ""
    assert f"kfp {KFP_VERSION}" in error
    assert "No matching distribution found" in error
    assert Phase.RUNNING not in bench.phases(job)


def test_compiled_example_is_current(kfp_python: Path, example: Any, tmp_path: Path) -> None:
    """The compiled example is what its source compiles to."""
    source = tmp_path / EXAMPLE.name
    source.write_text(EXAMPLE.read_text())
    subprocess.run([kfp_python, source], check=True, stdout=subprocess.DEVNULL)
    assert yaml.safe_load(source.with_suffix(".yaml").read_text()) == example
