"""The moments at which a trial is disturbed, how, and what must come of it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaos.trial import Trial

BOTH = ("worker", "deferrable")
HELD = 8.0
"""Seconds for which a create is held back, so that there is time to kill the one who waits for it."""
CANCELLED = "sked the service to"
SPARED = "keeps running"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One way of disturbing a task, and what must come of it whatever the service.

    :param act: disturbs a trial that was just started; none, where all trials of a group are disturbed, or
        where the fault is all.
    :param fault: what befalls the first create.
    :param seconds: how long each job takes.
    :param modes: where the task waits.
    :param first: how the job of the first try ends by itself; ``hang``: never.
    :param stubborn: whether the jobs of later tries end so, too; those of later generations never do.
    :param jobs: how the task's jobs must end, the oldest first.
    :param state: how the task must end.
    :param tries: how many tries the task must have needed; a kill that came too late takes none.
    :param generations: how many generations the jobs must belong to.
    :param said: what a log of the task must say.
    :param sure: whether there is time enough for the disturbance, so that one that misses is a fault.
    :param counted: whether `refused` and `cancels` are exact: in a storm requests are repeated, and a restart
        of the service loses the count.
    :param refused: how many creates beside those of the jobs reach the service, and leave nothing.
    :param cancels: how many cancels reach the service.
    :param spare: whether ``cancel_on_kill`` is off.
    """

    name: str
    act: Callable[[Trial], None] = lambda trial: None
    modes: tuple[str, ...] = BOTH
    fault: Mapping[str, Any] = field(default_factory=dict)
    seconds: str = "5"
    first: str = "succeeded"
    stubborn: bool = False
    jobs: tuple[str, ...] = ("succeeded",)
    state: str = "success"
    tries: int = 1
    generations: int = 1
    said: str = ""
    sure: bool = False
    counted: bool = True
    refused: int = 0
    cancels: int = 0
    spare: bool = False


def _kill_before_create(trial: Trial) -> None:
    trial.wait_for_create()
    trial.kill_worker()


def _kill_after_commit(trial: Trial) -> None:
    trial.wait(trial.jobs, what="A job")
    trial.kill_worker()


def _kill_after_job_is_seen(trial: Trial) -> None:
    trial.wait(trial.jobs, what="A job")
    trial.pause(most=0.3)
    trial.kill_worker()


def _kill_early(trial: Trial) -> None:
    trial.wait(trial.process, what="A process for the task")
    trial.pause(most=4.0)
    trial.kill_worker()


def _kill_while_polling(trial: Trial) -> None:
    trial.wait_until_watched()
    trial.pause(most=1.0)
    trial.kill_worker()


def _kill_worker_and_supervisor(trial: Trial) -> None:
    trial.wait_until_watched()
    # One that is gone with its machine: nobody is left to report the task's end.
    trial.kill_worker(and_its_parent=True)


def _kill_in_final_phase(trial: Trial) -> None:
    trial.wait(lambda: trial.statuses() == ["succeeded"], what="The job's end")
    trial.wait(lambda: trial.process() or trial.has_ended(), what="A process for the task, or its end")
    trial.kill_worker()


def _clear(trial: Trial) -> None:
    trial.wait_until_watched()
    trial.clear()


def _clear_after_success(trial: Trial) -> None:
    # A clear that meets the closing of the run leaves Airflow with a closed run and an open task.
    trial.wait(trial.run_has_ended, what="The run's end")
    trial.clear()


def _mark_failed(trial: Trial) -> None:
    trial.wait_until_watched()
    trial.set_state("failed")


def _fail_run(trial: Trial) -> None:
    trial.wait_until_watched()
    trial.set_run_state("failed")


def _terminate(trial: Trial) -> None:
    trial.wait_until_watched()
    trial.kill_worker(number=signal.SIGTERM)


ALONE = (
    Point(name="nothing"),
    Point(name="kill at any moment", act=_kill_early, tries=2),
    Point(
        name="kill before create",
        act=_kill_before_create,
        fault={"code": "UNAVAILABLE", "latency": HELD},
        tries=2,
        sure=True,
        refused=1,
    ),
    Point(
        name="kill after commit",
        act=_kill_after_commit,
        fault={"after_commit": True, "latency": HELD},
        tries=2,
        sure=True,
    ),
    Point(name="kill after the job is seen", act=_kill_after_job_is_seen, tries=2),
    Point(name="kill while polling", act=_kill_while_polling, modes=("worker",), tries=2),
    Point(name="kill with supervisor", act=_kill_worker_and_supervisor, modes=("worker",), tries=2),
    Point(name="kill in final phase", act=_kill_in_final_phase, tries=2),
    Point(name="answer lost", fault={"after_commit": True}),
    Point(name="create refused", fault={"code": "UNAVAILABLE"}, refused=1),
    Point(name="job failed", first="failed", jobs=("failed", "succeeded"), tries=2),
    Point(
        name="clear while at work",
        act=_clear,
        first="hang",
        jobs=("cancelled", "succeeded"),
        tries=2,
        generations=2,
        said=CANCELLED,
        cancels=1,
    ),
    Point(
        name="clear after success",
        act=_clear_after_success,
        jobs=("succeeded", "succeeded"),
        tries=2,
        generations=2,
    ),
    Point(
        name="mark failed",
        act=_mark_failed,
        first="hang",
        jobs=("cancelled",),
        state="failed",
        said=CANCELLED,
        cancels=1,
    ),
    Point(
        name="mark failed, spared",
        act=_mark_failed,
        first="hang",
        jobs=("active",),
        state="failed",
        said=SPARED,
        spare=True,
    ),
    Point(
        name="run set to failed",
        act=_fail_run,
        first="hang",
        jobs=("cancelled",),
        state="failed",
        said=CANCELLED,
        cancels=1,
    ),
    Point(
        name="SIGTERM",
        act=_terminate,
        modes=("worker",),
        first="hang",
        jobs=("cancelled", "succeeded"),
        tries=2,
        said=CANCELLED,
        cancels=1,
    ),
)
"""Those that hit one task, while others go on undisturbed beside it."""

LONG = "25"
"""Seconds that outlast the start of a whole group, so that its jobs are at work when all are hit."""

TRIGGERER_KILLED = Point(name="triggerer killed", modes=("deferrable",), seconds=LONG)
EMULATOR_RESTARTED = Point(name="service restarted", seconds=LONG, counted=False)
STORM = Point(name="storm", counted=False)
STORM_AND_KILL = Point(
    name="storm, mark failed",
    act=_mark_failed,
    first="hang",
    stubborn=True,
    jobs=("cancelled",),
    state="failed",
    counted=False,
)
TOGETHER = (TRIGGERER_KILLED, EMULATOR_RESTARTED, STORM, STORM_AND_KILL)
"""Those that hit all tasks at once."""
