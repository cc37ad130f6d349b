"""Runs trials: those that are disturbed alone side by side, those that are disturbed together in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import postgresql
from chaos.finding import Finding
from chaos.points import ALONE, EMULATOR_RESTARTED, STORM, STORM_AND_KILL, TRIGGERER_KILLED, Point
from chaos.services import CANCELS, CREATES
from chaos.trial import Trial
from chaos.world import World
from stack import TRIGGERER_IS_SOON_MISSED, Stack

SETTINGS = {
    **TRIGGERER_IS_SOON_MISSED,
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
"""What is lost is given up sooner than by default."""

FAULTS = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", None)
"""What befalls requests: 503, 429, and an answer that is lost after the request was carried out."""

STORM_SHARE = 0.5
"""How many of all requests it befalls."""


def _storm(stack: Stack) -> None:
    for number, code in enumerate(FAULTS):
        # Each fault sees only the requests that those before it let pass.
        share = STORM_SHARE / len(FAULTS)
        passed = 1 - share * number
        stack.emulator.fail(
            method="*", code=code, after_commit=code is None, share=share / passed, times=1_000_000
        )


def _replace_triggerer(stack: Stack) -> None:
    for triggerer in stack.servers.named("triggerer"):
        stack.servers.kill(triggerer)
    stack.start_part("triggerer")


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What hits all tasks of a group: before they start, while each waits for its job, after all.

    :param slows: how many times longer everything may take in it.
    """

    before: Callable[[Stack], None] | None = None
    amid: Callable[[Stack], None] | None = None
    after: Callable[[Stack], None] | None = None
    slows: float = 1.0


# Pauses grow with each request in a row that fails, and how many do is chance: nobody promises a time.
BAD_WEATHER = Weather(before=_storm, after=lambda stack: stack.emulator.forget_faults(), slows=5.0)
WEATHER = (
    (TRIGGERER_KILLED, Weather(amid=_replace_triggerer)),
    (STORM, BAD_WEATHER),
    (STORM_AND_KILL, BAD_WEATHER),
)
RESTART = Weather(amid=lambda stack: stack.emulator.restart())


@dataclass(kw_only=True)
class Outcome:
    """What came of a number of trials."""

    findings: list[tuple[Trial, Finding]] = field(default_factory=list)

    @property
    def idle(self) -> list[str]:
        """The points all of whose trials were disturbed too late: of them nothing was shown."""
        names = {trial.point.name: None for trial, _ in self.findings}
        hit = {trial.point.name for trial, _ in self.findings if not trial.missed}
        return [name for name in names if name not in hit]

    def __add__(self, later: Outcome) -> Outcome:
        return Outcome(findings=[*self.findings, *later.findings])

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong, and each point was shown."""
        return not self.idle and all(finding.is_good for _, finding in self.findings)


def stack_for_trials(home: Path, root: Path) -> Stack:
    """Return a stack whose jobs are scripted and whose DAGs are those of the trials.

    :param home: for its state.
    :param root: of the repository.
    """
    dags = root / "tests" / "chaos" / "dags"
    return Stack(
        home=home, dags=dags, engine="simulate", settings=SETTINGS, programs=postgresql.find_programs()
    )


def at_once() -> int:
    """Return how many trials side by side the database bears."""
    return 6 if postgresql.find_programs() else 2


def run_trials(
    seeds: Iterable[int],
    world: World,
    *,
    at_once: int,
    say: Callable[[Trial, Finding], None] = lambda trial, finding: None,
) -> Outcome:
    """Run the trials of these seeds.

    :param at_once: how many side by side.
    :param say: told of each that has ended.
    :raises StackError: when a server has ended by itself.
    """
    for method in (*CREATES.values(), *CANCELS.values()):
        world.stack.emulator.keep_requests(method)
    world.stack.airflow.wait_for_dag(Trial(seed=0, world=world).dag_id)
    trials = [Trial(seed=seed, world=world) for seed in seeds]
    for trial in _side_by_side(Trial.run, [trial for trial in trials if trial.point in ALONE], at_once):
        say(trial, trial.judge())
    for point, weather in WEATHER:
        _run_in_groups(trials, point, weather, at_once=at_once, say=say)
    # Before the service forgets what it was asked.
    for trial in trials:
        trial.count_requests()
    _run_in_groups(trials, EMULATOR_RESTARTED, RESTART, at_once=at_once, say=say)
    # Again, now that whatever comes late has come.
    world.look_again(trial.name for trial in trials)
    world.check()
    return Outcome(findings=[(trial, trial.judge()) for trial in trials])


def _run_in_groups(
    trials: Sequence[Trial],
    point: Point,
    weather: Weather,
    *,
    at_once: int,
    say: Callable[[Trial, Finding], None],
) -> None:
    caught = [trial for trial in trials if trial.point == point]
    for begin in range(0, len(caught), at_once):
        group = caught[begin : begin + at_once]
        _run_together(group, weather)
        for trial in group:
            say(trial, trial.judge())


def _side_by_side(deed: Callable[[Trial], None], trials: Sequence[Trial], at_once: int) -> Iterator[Trial]:
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        done = {pool.submit(deed, trial): trial for trial in trials}
        try:
            for future in as_completed(done):
                future.result()
                done[future].world.check()
                yield done[future]
        except BaseException:
            # A Ctrl-C must not wait for what the trials wait for.
            trials[0].world.end()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_together(group: Sequence[Trial], weather: Weather) -> None:
    world = group[0].world
    if weather.before:
        weather.before(world.stack)
    try:
        if weather.amid:
            list(_side_by_side(Trial.start_and_wait, group, len(group)))
            world.look_again(trial.name for trial in group)
            for trial in group:
                trial.note_whether_at_work()
            with world.unseen():
                weather.amid(world.stack)
            list(_side_by_side(Trial.await_rest, group, len(group)))
        else:
            with world.slowed(weather.slows):
                list(_side_by_side(Trial.run, group, len(group)))
    finally:
        if weather.after:
            weather.after(world.stack)
