"""One task, one disturbance, one verdict."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil

from chaos.points import ALONE, TOGETHER, Point
from chaos.world import TooLate, World
from processes import StackError

T = TypeVar("T")

CREATES = {
    "pipeline_job": "PipelineService/CreatePipelineJob",
    "custom_job": "JobService/CreateCustomJob",
    "notebook_execution_job": "NotebookService/CreateNotebookExecutionJob",
    "mlengine_job": "ml.v1/CreateJob",
    "kfp_run": "kfp.v2beta1/CreateRun",
    "kfp_run_v1": "kfp.v1beta1/CreateRun",
}
"""What creates a job, by service."""

CANCELS = {
    "pipeline_job": "PipelineService/CancelPipelineJob",
    "custom_job": "JobService/CancelCustomJob",
    # It has no call to cancel: to delete a job is to stop it.
    "notebook_execution_job": "NotebookService/DeleteNotebookExecutionJob",
    "mlengine_job": "ml.v1/CancelJob",
    "kfp_run": "kfp.v2beta1/TerminateRun",
    "kfp_run_v1": "kfp.v1beta1/TerminateRun",
}
"""What stops a job, by service."""

VARIANTS = [(point, mode) for point in (*ALONE, *TOGETHER) for mode in point.modes]
WITHIN = 180.0
"""Seconds for each thing that a trial waits for."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was wrong with a trial; all zero and no words when nothing was."""

    duplicates: int = 0
    orphans: int = 0
    wrong: int = 0
    words: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.duplicates or self.orphans or self.wrong)


@dataclass(kw_only=True)
class Trial:
    """A task of one service and mode that is disturbed at one point; all of it follows from the seed.

    :param seed: from 0; the first `len(VARIANTS)` seeds have every point in every mode, each next round of
        them the same with the next service.
    """

    seed: int
    world: World
    service: str = field(init=False)
    mode: str = field(init=False)
    point: Point = field(init=False)
    missed: bool = False
    trouble: str = ""
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        turn, place = divmod(self.seed, len(VARIANTS))
        self.point, self.mode = VARIANTS[place]
        self.service = list(CREATES)[(turn + place) % len(CREATES)]
        self._random = random.Random(self.seed)

    @property
    def name(self) -> str:
        """What the trial's run and jobs are called."""
        return f"trial-{self.seed}-end"

    @property
    def dag_id(self) -> str:
        """The DAG of the service, mode and kind of kill."""
        return f"chaos_{self.service}_{self.mode}_{'spare' if self.point.spare else 'cancel'}"

    def run(self) -> None:
        """Run it to its end."""
        try:
            self.start()
            self.point.act(self)
        except (TooLate, StackError) as error:
            self.trouble = str(error)
        self.await_rest()

    def start_and_wait(self) -> None:
        """Start it, and wait until its task waits for its job."""
        try:
            self.start()
            self.wait_until_watched()
        except (TooLate, StackError) as error:
            self.trouble = str(error)

    def start(self) -> None:
        """Start the run."""
        self.world.watch(self.name)
        seconds = "0-5" if self.point.name == "clear after success" else "5"
        conf = {
            "name": self.name,
            "seconds": seconds,
            "first": self.point.first,
            "stubborn": self.point.stubborn,
        }
        body = {"logical_date": None, "conf": conf, "dag_run_id": self.name}
        self._airflow("POST", f"dags/{self.dag_id}/dagRuns", json=body)

    def wait(self, look: Callable[[], T | None], *, what: str) -> T:
        """Wait for something to be seen."""
        return self.world.wait(look, within=WITHIN, what=what)

    def pause(self, *, most: float) -> None:
        """Let a little time pass, chosen by the seed: a disturbance may come at any moment."""
        self.world.pause(self._random.uniform(0, most))

    def process(self) -> psutil.Process | None:
        """Return the process that works on the task."""
        return self.world.process_of(self.name)

    def task_state(self) -> str | None:
        """Return the task's state."""
        return self.world.tasks.get(self.name, {}).get("state")

    def jobs(self) -> list[dict[str, Any]]:
        """Return the trial's jobs, oldest first."""
        return self.world.jobs_of(self.name)

    def statuses(self) -> list[str]:
        """Return how its jobs are, oldest first."""
        return [status_of(job["state"]) for job in self.jobs()]

    def fail_create(self, **fault: Any) -> None:
        """Have the trial's next create fail."""
        self.world.stack.emulator.fail(method=CREATES[self.service], containing=self.name, **fault)

    def wait_for_create(self) -> None:
        """Wait until a create has met the fault that was meant for it."""
        faults = self.world.stack.emulator.faults
        self.wait(lambda: all(fault["containing"] != self.name for fault in faults()), what="The create")

    def wait_until_watched(self) -> None:
        """Wait until the task says that it has looked at its job.

        In the second between a deferral and the start of its trigger nobody could hear of a kill.
        """
        self.wait(
            lambda: any(f"Job {job['name']} is" in self.log() for job in self.jobs()),
            what="A look at the job",
        )

    def log(self) -> str:
        """Return the log of the task's present try."""
        task = self.world.tasks.get(self.name)
        if not task:
            return ""
        try:
            return self.world.stack.airflow.task_log(self.dag_id, self.name, "run", task["try_number"])
        except StackError:  # there is none yet
            return ""

    def clear(self) -> None:
        """Clear the task, as a user does."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": self.name, "task_ids": ["run"]}
        self._airflow("POST", f"dags/{self.dag_id}/clearTaskInstances", json=body)

    def set_state(self, state: str) -> None:
        """Mark the task, as a user does."""
        path = f"dags/{self.dag_id}/dagRuns/{self.name}/taskInstances/run"
        self._airflow("PATCH", path, json={"new_state": state})

    def set_run_state(self, state: str) -> None:
        """Mark the DAG's run, as a user does."""
        self._airflow("PATCH", f"dags/{self.dag_id}/dagRuns/{self.name}", json={"state": state})

    def run_has_ended(self) -> bool:
        """Tell whether Airflow has closed the run, which it does a little after the task."""
        return self.has_ended() and self.world.stack.airflow.run_state(self.dag_id, self.name) == "success"

    def has_ended(self) -> bool:
        """Tell whether the task has ended."""
        return self.task_state() in {"success", "failed"}

    def kill_worker(self, *, number: int = signal.SIGKILL, and_its_parent: bool = False) -> None:
        """Send a signal to the process that works on the task; that none does is noted."""
        process = self.process()
        if process is None:
            self.missed = True
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            if and_its_parent:
                process.parents()[0].send_signal(number)
            process.send_signal(number)

    def await_rest(self) -> None:
        """Wait until everything is as it must be, or long enough."""
        if not self.trouble:
            with contextlib.suppress(TooLate):
                self.wait(lambda: self.judge().is_good, what="What had to come")
        self.world.forget(self.name)

    def judge(self) -> Verdict:
        """Compare what there is with what had to come."""
        expected = self.expected_jobs
        if self.trouble:
            return Verdict(wrong=1, words=self.trouble)
        if self.task_state() != self.point.state or self.statuses() != expected:
            return self._wrong(expected)
        if self.point.state == "success" and not self._has_result():
            return Verdict(wrong=1, words=f"the result is not that of job {self.jobs()[-1]['name']}")
        return Verdict()

    @property
    def expected_jobs(self) -> list[str]:
        """How the jobs must end, in the service's own terms."""
        if self.service == "notebook_execution_job":  # what is stopped by deleting it leaves nothing
            return [status for status in self.point.jobs if status != "cancelled"]
        if self.service.startswith("kfp"):  # what is terminated ends as failed
            return ["failed" if status == "cancelled" else status for status in self.point.jobs]
        return list(self.point.jobs)

    def _wrong(self, expected: list[str]) -> Verdict:
        statuses, state = self.statuses(), self.task_state()
        duplicates = max(0, len(statuses) - len(expected))
        orphans = max(0, statuses.count("active") - expected.count("active"))
        return Verdict(
            duplicates=duplicates,
            orphans=orphans,
            wrong=int(state != self.point.state or not (duplicates or orphans)),
            words=f"task {state}, jobs {statuses}; expected: task {self.point.state}, jobs {expected}",
        )

    def _has_result(self) -> bool:
        result = self.world.stack.airflow.xcom(self.dag_id, self.name, "run")
        job = self.jobs()[-1]
        return bool(result) and (result["name"], result["status"]) == (job["name"], "succeeded")

    def _airflow(self, verb: str, path: str, **kwargs: Any) -> None:
        self.world.stack.airflow.api(verb, path, **kwargs)


def status_of(state: str) -> str:
    """Tell from any service's word for a state what it comes to."""
    for status, endings in {
        "succeeded": ("SUCCEEDED",),
        "failed": ("FAILED",),
        "cancelled": ("CANCELLED", "CANCELED"),
    }.items():
        if state.endswith(endings):
            return status
    return "active"
