"""One task and one disturbance."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil

from chaos.finding import Finding, judge
from chaos.points import ALONE, TOGETHER, Point
from chaos.services import CANCELS, CREATES, status_of
from chaos.world import TooLate, World
from processes import StackError

T = TypeVar("T")

VARIANTS = [(point, mode) for point in (*ALONE, *TOGETHER) for mode in point.modes]


@dataclass(kw_only=True)
class Trial:
    """A task of one service and mode that is disturbed at one point; all that we do follows from the seed.

    What does not: which requests a storm hits, and who is faster.

    :param seed: from 0; the first `len(VARIANTS)` seeds have every point in every mode, each next round of
        them the same with the next service.
    :param trouble: what kept it from being carried out.
    :param sent: how many creates and cancels reached the service, once they were counted.
    """

    seed: int
    world: World
    service: str = field(init=False)
    mode: str = field(init=False)
    point: Point = field(init=False)
    trouble: str = ""
    sent: tuple[int, int] | None = None
    _met_nothing: bool = field(default=False, init=False)
    _has_killed: bool = field(default=False, init=False)
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
        with self._troubles():
            self.start()
            self.point.act(self)
        self.await_rest()

    def start_and_wait(self) -> None:
        """Start it, and wait until its task waits for its job."""
        with self._troubles():
            self.start()
            self.wait_until_watched()

    def start(self) -> None:
        """Start the run, with the fault of its first create in wait."""
        self.world.watch(self.name)
        if self.point.fault:
            method = CREATES[self.service]
            self.world.stack.emulator.fail(method=method, containing=self.name, **self.point.fault)
        conf = {
            "name": self.name,
            "seconds": self.point.seconds,
            "first": self.point.first,
            "stubborn": self.point.stubborn,
        }
        body = {"logical_date": None, "conf": conf, "dag_run_id": self.name}
        self._airflow("POST", f"dags/{self.dag_id}/dagRuns", json=body)

    def wait(self, look: Callable[[], T | None], *, what: str) -> T:
        """Wait for something to be seen."""
        return self.world.wait(look, what=what)

    def pause(self, *, most: float) -> None:
        """Let a little time pass, chosen by the seed: a disturbance may come at any moment."""
        self.world.pause(self._random.uniform(0, most))

    def process(self) -> psutil.Process | None:
        """Return the process that works on the task."""
        return self.world.process_of(self.name)

    def task_state(self) -> str | None:
        """Return the task's state."""
        return self.world.tasks.get(self.name, {}).get("state")

    def tries(self) -> int:
        """Return how many tries the task has had, the present one included."""
        return int(self.world.tasks.get(self.name, {}).get("try_number") or 0)

    def result(self) -> Any:
        """Return what the task has returned, or nothing."""
        return self.world.stack.airflow.xcom(self.dag_id, self.name, "run")

    @property
    def missed(self) -> bool:
        """Whether the disturbance came too late to disturb.

        So does a kill that meets a process which has handed its task over already, or reported its success.
        """
        in_vain = self._has_killed and self.task_state() == "success" and self.tries() < self.point.tries
        return self._met_nothing or in_vain

    def jobs(self) -> list[dict[str, Any]]:
        """Return the trial's jobs, oldest first."""
        return self.world.jobs_of(self.name)

    def statuses(self) -> list[str]:
        """Return how its jobs are, oldest first."""
        return [status_of(job["state"]) for job in self.jobs()]

    def has_fault_left(self) -> bool:
        """Tell whether no create has met the fault that was meant for it."""
        return any(fault["containing"] == self.name for fault in self.world.stack.emulator.faults())

    def wait_for_create(self) -> None:
        """Wait until a create has met the fault that was meant for it."""
        self.wait(lambda: not self.has_fault_left(), what="The create")

    def wait_until_watched(self) -> None:
        """Wait until the task says that it has looked at its job.

        In the second between a deferral and the start of its trigger nobody could hear of a kill.
        """
        self.wait(
            lambda: any(f"Job {job['name']} is" in self.log(self.tries()) for job in self.jobs()),
            what="A look at the job",
        )

    def log(self, number: int) -> str:
        """Return the log of one of the task's tries."""
        try:
            return self.world.stack.airflow.task_log(self.dag_id, self.name, "run", number)
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
            self._met_nothing = True
            return
        try:
            if and_its_parent:
                process.parents()[0].send_signal(number)
            process.send_signal(number)
            self._has_killed = True
        except (psutil.NoSuchProcess, IndexError):
            self._met_nothing = True

    def note_whether_at_work(self) -> None:
        """Note that a disturbance of all will miss this one, unless its task now waits for a job at work."""
        waiting = "deferred" if self.mode == "deferrable" else "running"
        self._met_nothing = self.task_state() != waiting or self.statuses() != ["active"]

    def count_requests(self) -> None:
        """Count the creates and cancels of it that reached the service, where their number is certain."""
        if not self.point.counted:
            return
        with self._troubles():
            names = self.world.names_of(self.name)
            cancels = sum(self._count(CANCELS, containing=name.rpartition("/")[2]) for name in names)
            self.sent = self._count(CREATES, containing=self.name), cancels

    def _count(self, methods: Mapping[str, str], *, containing: str) -> int:
        counts = self.world.stack.emulator.requests(containing)
        return sum(count for method, count in counts.items() if method.endswith(methods[self.service]))

    def await_rest(self) -> None:
        """Wait until everything is as it must be, or long enough."""
        if not self.trouble:
            with contextlib.suppress(TooLate):
                self.wait(lambda: self.judge().is_good, what="What had to come")
        with self._troubles():
            if self.point.fault and self.has_fault_left():
                self.world.stack.emulator.forget_faults(containing=self.name)
                raise TooLate(self.trouble or "no create has met the fault that was meant for it")
        self.world.forget(self.name)

    @contextlib.contextmanager
    def _troubles(self) -> Iterator[None]:
        try:
            yield
        except (TooLate, OSError, StackError) as error:
            self.trouble = str(error) or type(error).__name__

    def judge(self) -> Finding:
        """Compare what there is with what had to come."""
        try:
            return judge(self)
        except (OSError, StackError) as error:
            return Finding(wrong=1, words=f"it cannot be judged: {error}")

    def _airflow(self, verb: str, path: str, **kwargs: Any) -> None:
        self.world.stack.airflow.api(verb, path, **kwargs)
