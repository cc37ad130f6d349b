"""A bench for the local engine: it keeps the news and lets a test await them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
from google.cloud.aiplatform_v1.types import CustomJob, PipelineJob
from google.protobuf import json_format

from airflow_mljobs.emulator.execution.base import Phase, Pipeline, StoredJob, Update
from airflow_mljobs.emulator.execution.local import LocalEngine

PARENT = "projects/my-project/locations/europe-west1"
KFP_PYTHON = Path(os.environ["MLJOBS_KFP_PYTHON"]) if "MLJOBS_KFP_PYTHON" in os.environ else None
# The environment for pipelines may have to be made first.
PATIENCE = 240.0


def await_that(condition: Callable[[], object], *, patience: float = 30.0) -> None:
    """Wait for what another process brings about and nobody announces."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Return whether a process is there and not merely waiting to be reaped by its adopter."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def custom_job(job_id: str, spec: Mapping[str, Any], *, phase: Phase = Phase.PENDING) -> StoredJob:
    """Return a CustomJob with this job_spec."""
    resource = json_format.ParseDict({"displayName": job_id, "jobSpec": spec}, CustomJob.pb()())
    name = f"{PARENT}/customJobs/{job_id}"
    return StoredJob(name=name, kind="CustomJob", phase=phase, labels={}, resource=resource)


def command(job_id: str, *words: str, phase: Phase = Phase.PENDING, **spec: Any) -> StoredJob:
    """Return a CustomJob that runs a command."""
    pool = {"containerSpec": {"imageUri": "any", "command": words[:1], "args": words[1:]}}
    return custom_job(job_id, {"workerPoolSpecs": [pool], **spec}, phase=phase)


def pipeline_job(job_id: str, spec: Mapping[str, Any], parameters: Mapping[str, Any]) -> StoredJob:
    """Return a PipelineJob of this compiled spec."""
    return StoredJob(
        name=f"{PARENT}/pipelineJobs/{job_id}",
        kind="PipelineJob",
        phase=Phase.PENDING,
        labels={},
        resource=PipelineJob.pb()(),
        pipeline=Pipeline(spec=spec, arguments=parameters, root=f"gs://bucket/pipelines/my-project/{job_id}"),
    )


class Bench:
    """An engine on a folder, with what it has reported."""

    def __init__(self, data: Path, **options: Any) -> None:
        self.data = data
        self.gcs = data / "gcs"
        self._news: list[tuple[str, Update]] = []
        self._arrival = threading.Condition()
        self.engine = LocalEngine(data=data, report=self._report, **{"kfp_python": KFP_PYTHON, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def _report(self, name: str, update: Update) -> None:
        with self._arrival:
            self._news.append((name, update))
            self._arrival.notify_all()

    def updates(self, job: StoredJob) -> Sequence[Update]:
        """Return all news of a job so far."""
        return [update for name, update in self._news if name == job.name]

    def phases(self, job: StoredJob) -> Sequence[Phase]:
        """Return the phases of a job so far."""
        return [update.phase for update in self.updates(job) if update.phase]

    def tasks(self, job: StoredJob) -> Mapping[str, tuple[Phase, str | None]]:
        """Return what is known last of each task of a pipeline."""
        return {task.name: (task.phase, task.error) for update in self.updates(job) for task in update.tasks}

    def await_news(self, condition: Callable[[], object]) -> None:
        """Wait until the news make the condition true."""
        with self._arrival:
            assert self._arrival.wait_for(condition, PATIENCE), self._news

    def await_phase(self, job: StoredJob, phase: Phase) -> None:
        """Wait until the job has reached the phase."""
        self.await_news(lambda: phase in self.phases(job))

    def finish(self, job: StoredJob) -> Update:
        """Wait for the end of a job and return the last news of it."""
        self.await_news(lambda: any(phase.is_final for phase in self.phases(job)))
        return self.updates(job)[-1]

    def run(self, job: StoredJob) -> Update:
        """Start a job and wait for its end."""
        self.engine.start(job)
        return self.finish(job)

    def log(self, job: StoredJob) -> str:
        """Return the output of a job."""
        return (self.data / "logs" / f"{job.name.rpartition('/')[2]}.log").read_text(encoding="utf-8")
