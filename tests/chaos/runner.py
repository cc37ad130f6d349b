"""Runs trials: those that are disturbed alone side by side, those that are disturbed together in groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import postgresql
from chaos.points import ALONE, EMULATOR_RESTARTED, STORM, STORM_AND_KILL, TRIGGERER_KILLED
from chaos.trial import CANCELS, CREATES, Trial, Verdict
from chaos.world import World
from stack import Stack

SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "8",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
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
    """What hits all tasks of a group: before they start, while each waits for its job, after all."""

    before: Callable[[Stack], None] | None = None
    amid: Callable[[Stack], None] | None = None
    after: Callable[[Stack], None] | None = None


BAD_WEATHER = Weather(before=_storm, after=lambda stack: stack.emulator.forget_faults())
WEATHER = {
    TRIGGERER_KILLED.name: Weather(amid=_replace_triggerer),
    EMULATOR_RESTARTED.name: Weather(amid=lambda stack: stack.emulator.restart()),
    STORM.name: BAD_WEATHER,
    STORM_AND_KILL.name: BAD_WEATHER,
}


@dataclass(kw_only=True)
class Outcome:
    """What came of a number of trials.

    :param verdicts: by trial.
    :param sent: methods of which not as many requests were sent as had to be: sent, and expected.
    """

    verdicts: list[tuple[Trial, Verdict]] = field(default_factory=list)
    sent: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong."""
        return not self.sent and all(verdict.is_good for _, verdict in self.verdicts)


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
    say: Callable[[Trial, Verdict], None] = lambda trial, verdict: None,
) -> Outcome:
    """Run the trials of these seeds.

    :param at_once: how many side by side.
    :param say: told of each that has ended.
    """
    world.stack.airflow.wait_for_dag(Trial(seed=0, world=world).dag_id)
    trials = [Trial(seed=seed, world=world) for seed in seeds]
    outcome = Outcome()
    alone = [trial for trial in trials if trial.point in ALONE]
    before = Counter(world.stack.emulator.requests())
    for trial in _side_by_side(lambda trial: trial.run(), alone, at_once):
        say(trial, trial.judge())
    # Again, now that whatever comes late has come.
    world.look_again(trial.name for trial in alone)
    outcome.verdicts += [(trial, trial.judge()) for trial in alone]
    outcome.sent = _unexpected(alone, Counter(world.stack.emulator.requests()) - before)
    for name, weather in WEATHER.items():
        caught = [trial for trial in trials if trial.point.name == name]
        for begin in range(0, len(caught), at_once):
            group = caught[begin : begin + at_once]
            _run_together(group, weather, world.stack)
            for trial in group:
                outcome.verdicts.append((trial, trial.judge()))
                say(*outcome.verdicts[-1])
    return outcome


def _side_by_side(deed: Callable[[Trial], None], trials: Sequence[Trial], at_once: int) -> Iterator[Trial]:
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        done = {pool.submit(deed, trial): trial for trial in trials}
        try:
            for future in as_completed(done):
                future.result()
                yield done[future]
        except BaseException:
            # A Ctrl-C must not wait for what the trials wait for.
            trials[0].world.end()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _run_together(group: Sequence[Trial], weather: Weather, stack: Stack) -> None:
    if weather.before:
        weather.before(stack)
    try:
        if weather.amid:
            list(_side_by_side(lambda trial: trial.start_and_wait(), group, len(group)))
            weather.amid(stack)
            list(_side_by_side(lambda trial: trial.await_rest(), group, len(group)))
        else:
            list(_side_by_side(lambda trial: trial.run(), group, len(group)))
    finally:
        if weather.after:
            weather.after(stack)


def _unexpected(trials: Sequence[Trial], sent: Counter[str]) -> dict[str, tuple[int, int]]:
    expected: Counter[str] = Counter()
    for trial in trials:
        expected[CREATES[trial.service]] += len(trial.point.jobs) + trial.point.refused
        expected[CANCELS[trial.service]] += trial.point.cancels
    counted = {
        method: sum(count for name, count in sent.items() if name.endswith(method)) for method in expected
    }
    return {
        method: (counted[method], expected[method])
        for method in expected
        if counted[method] != expected[method]
    }
