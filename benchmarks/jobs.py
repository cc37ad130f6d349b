"""The jobs that are watched: as our operators submit them, and as large as jobs are."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import yaml
from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient
from google.cloud.aiplatform_v1.types import CustomJob, PipelineJob

from airflow_mljobs.jobs import TaskIdentity
from benchmarks.service import PARENT, Service
from processes import wait_until

BYTES = 20_000
"""Size of a job's resource as it is stored."""

TEMPLATE = Path(__file__).parents[1] / "example_dags" / "pipelines" / "train_and_evaluate.yaml"
AT_ONCE = 8


class Kind(ABC):
    """A kind of job, and how one is submitted."""

    client_class: ClassVar[Any]

    @abstractmethod
    def create(self, client: Any, *, labels: dict[str, str], identity: TaskIdentity) -> str:
        """Submit one job of the size, and return its name."""


class PipelineJobs(Kind):
    """Pipelines whose size is in the source code of their steps."""

    client_class = PipelineServiceClient

    @cached_property
    def _spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text())
        # What the service adds for each step counts too: some 1 kB in all.
        missing = BYTES - 1_000 - PipelineJob.pb(PipelineJob(pipeline_spec=spec)).ByteSize()
        container = next(iter(spec["deploymentSpec"]["executors"].values()))["container"]
        container["command"][-1] += "\n# " + "x" * missing
        return spec

    def create(self, client: Any, *, labels: dict[str, str], identity: TaskIdentity) -> str:
        """Submit one."""
        job = PipelineJob(
            display_name="benchmark",
            pipeline_spec=self._spec,
            runtime_config={"gcs_output_directory": "gs://bucket/benchmark"},
            labels=labels,
        )
        created = client.create_pipeline_job(
            parent=PARENT, pipeline_job=job, pipeline_job_id=identity.job_id(attempt=1)
        )
        return str(created.name)


class CustomJobs(Kind):
    """Containers whose size is in their environment."""

    client_class = JobServiceClient

    def create(self, client: Any, *, labels: dict[str, str], identity: TaskIdentity) -> str:
        """Submit one."""
        container = {
            "image_uri": "python:3.12",
            "env": [{"name": "CONFIGURATION", "value": "x" * (BYTES - 500)}],
        }
        job = CustomJob(
            display_name="benchmark",
            job_spec={"worker_pool_specs": [{"container_spec": container, "replica_count": 1}]},
            labels=labels,
        )
        return str(client.create_custom_job(parent=PARENT, custom_job=job).name)


KINDS: dict[str, Kind] = {"pipeline": PipelineJobs(), "custom": CustomJobs()}


@dataclass(kw_only=True)
class Jobs:
    """The jobs of one kind on a service: more and more that run on, and a few that end in every run.

    :param kind: one of `KINDS`.
    """

    service: Service
    kind: str
    running: list[str] = field(default_factory=list)
    _made: int = 0

    def grow(self, count: int) -> None:
        """See to it that so many run, and will not end."""
        self.running += self._create(count - len(self.running), lambda _: {"emulator-outcome": "hang"})
        wanted = set(self.running)
        wait_until(
            lambda: wanted <= {job["name"] for job in self.service.emulator.jobs() if is_running(job)},
            within=60,
            what="The start of the jobs",
        )

    def ended(self) -> str:
        """Return a job that has succeeded."""
        (name,) = self._create(1, lambda _: {"emulator-seconds": "0"})
        wait_until(lambda: self.ends([name]), within=30, what="The end of a job")
        return name

    def ending(self, count: int, *, within: tuple[float, float], outcome: str) -> list[str]:
        """Submit jobs that run now and end at times spread over these seconds from now.

        :param within: the first end and the last.
        :param outcome: ``succeeded`` or ``failed``.
        """
        first, last = within
        begin = time.monotonic()
        ends = [
            begin + first + (last - first) * (number + random.random()) / count for number in range(count)
        ]

        def labels(number: int) -> dict[str, str]:
            # From its own submit on: to submit thousands takes a while.
            seconds = max(0.0, ends[number] - time.monotonic())
            return {
                "emulator-outcome": outcome,
                "emulator-seconds": f"{seconds:.2f}".replace(".", "-"),
            }

        return self._create(count, labels)

    def ends(self, names: Sequence[str]) -> dict[str, float]:
        """Return when those of these jobs ended that have, in seconds since 1970, by the service's word."""
        wanted = set(names)
        return {
            job["name"]: datetime.fromisoformat(job["ended"]).timestamp()
            for job in self.service.emulator.jobs()
            if job["name"] in wanted and job["ended"]
        }

    def _create(self, count: int, labels: Callable[[int], dict[str, str]]) -> list[str]:
        kind = KINDS[self.kind]
        begin, self._made = self._made, self._made + max(0, count)
        with self.service.client(kind.client_class) as client, ThreadPoolExecutor(AT_ONCE) as pool:

            def create(number: int) -> str:
                identity = TaskIdentity(
                    dag_id="benchmark", run_id=self.kind, task_id="train", map_index=begin + number
                )
                own = {**identity.labels(attempt=1), **labels(number)}
                return kind.create(client, labels=own, identity=identity)

            return list(pool.map(create, range(count)))


def is_running(job: dict[str, Any]) -> bool:
    """Tell whether a job, as the emulator describes it, is at work."""
    return str(job["state"]).endswith("_RUNNING")
