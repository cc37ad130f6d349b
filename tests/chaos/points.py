"""The moments at which a trial is disturbed, how, and what must come of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.trial import Trial

BOTH = ("worker", "deferrable")
HELD = 8.0
"""Seconds for which a create is held back, so that there is time to kill the one who waits for it."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One way of disturbing a task, and what must come of it whatever the service.

    :param act: disturbs a trial that was just started; none, where all trials of a group are disturbed.
    :param modes: where the task waits.
    :param first: how the job of the first try ends by itself; ``hang``: never.
    :param stubborn: whether the jobs of later tries end so, too; those of later generations never do.
    :param jobs: how the task's jobs must end, the oldest first.
    :param state: how the task must end.
    :param refused: how many creates beside those of the jobs reach the service, and leave nothing.
    :param cancels: how many cancels reach the service.
    :param spare: whether ``cancel_on_kill`` is off.
    """

    name: str
    act: Callable[[Trial], None] = lambda trial: None
    modes: tuple[str, ...] = BOTH
    first: str = "succeeded"
    stubborn: bool = False
    jobs: tuple[str, ...] = ("succeeded",)
    state: str = "success"
    refused: int = 0
    cancels: int = 0
    spare: bool = False


def _kill_before_create(trial: Trial) -> None:
    trial.fail_create(code="UNAVAILABLE", latency=HELD)
    trial.wait_for_create()
    trial.kill_worker()


def _kill_after_commit(trial: Trial) -> None:
    trial.fail_create(after_commit=True, latency=HELD)
    trial.wait(trial.jobs, what="A job")
    trial.kill_worker()


def _kill_after_answer(trial: Trial) -> None:
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


def _lose_answer(trial: Trial) -> None:
    trial.fail_create(after_commit=True)


def _refuse_create(trial: Trial) -> None:
    trial.fail_create(code="UNAVAILABLE")


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
    Point(name="kill at any moment", act=_kill_early),
    Point(name="kill before create", act=_kill_before_create, refused=1),
    Point(name="kill after commit", act=_kill_after_commit),
    Point(name="kill after answer", act=_kill_after_answer),
    Point(name="kill while polling", act=_kill_while_polling, modes=("worker",)),
    Point(name="kill with supervisor", act=_kill_worker_and_supervisor, modes=("worker",)),
    Point(name="kill in final phase", act=_kill_in_final_phase),
    Point(name="answer lost", act=_lose_answer),
    Point(name="create refused", act=_refuse_create, refused=1),
    Point(name="job failed", first="failed", jobs=("failed", "succeeded")),
    Point(name="clear while at work", act=_clear, first="hang", jobs=("cancelled", "succeeded"), cancels=1),
    Point(name="clear after success", act=_clear_after_success, jobs=("succeeded", "succeeded")),
    Point(name="mark failed", act=_mark_failed, first="hang", jobs=("cancelled",), state="failed", cancels=1),
    Point(
        name="mark failed, spared",
        act=_mark_failed,
        first="hang",
        jobs=("active",),
        state="failed",
        spare=True,
    ),
    Point(
        name="run set to failed", act=_fail_run, first="hang", jobs=("cancelled",), state="failed", cancels=1
    ),
    Point(
        name="SIGTERM",
        act=_terminate,
        modes=("worker",),
        first="hang",
        jobs=("cancelled", "succeeded"),
        cancels=1,
    ),
)
"""Those that hit one task, while others go on undisturbed beside it."""

TRIGGERER_KILLED = Point(name="triggerer killed", modes=("deferrable",))
EMULATOR_RESTARTED = Point(name="service restarted")
STORM = Point(name="storm")
STORM_AND_KILL = Point(
    name="storm, mark failed",
    act=_mark_failed,
    first="hang",
    stubborn=True,
    jobs=("cancelled",),
    state="failed",
    cancels=1,
)
TOGETHER = (TRIGGERER_KILLED, EMULATOR_RESTARTED, STORM, STORM_AND_KILL)
"""Those that hit all tasks at once."""
