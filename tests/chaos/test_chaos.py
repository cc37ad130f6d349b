"""Every point once, in either mode: the short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.runner import at_once, run_trials, stack_for_trials
from chaos.trial import VARIANTS
from chaos.world import World

ROOT = Path(__file__).parents[2]
POINTS = list(dict.fromkeys(point.name for point, _ in VARIANTS))
SEEDS = [
    seed
    for seed, (point, mode) in enumerate(VARIANTS)
    if mode == point.modes[POINTS.index(point.name) % len(point.modes)]
]
"""One for each point, its modes by turns."""


AGAIN = 3
"""How often a point is tried whose disturbance came too late: how fast a task is, no test decides."""


@pytest.mark.timeout(1200)
def test_one_job_and_no_orphan_whatever_happens(tmp_path: Path) -> None:
    """Whatever is killed, lost or refused, a task has the jobs that it must have, and the right result."""
    with (
        stack_for_trials(tmp_path / "stack", ROOT).running() as stack,
        World(stack=stack, within=90) as world,
    ):
        outcome = run_trials(SEEDS, world, at_once=at_once())
        for turn in range(1, AGAIN):
            missed = [seed + turn * len(VARIANTS) for seed in SEEDS if point_of(seed) in outcome.idle]
            outcome += run_trials(missed, world, at_once=at_once())

    wrong = [f"seed {trial.seed}: {finding}" for trial, finding in outcome.findings if not finding.is_good]
    assert wrong == []
    assert outcome.idle == []
    assert len(outcome.findings) >= len(SEEDS) >= 20


def point_of(seed: int) -> str:
    """Return what the trial of a seed is disturbed by."""
    point, _ = VARIANTS[seed % len(VARIANTS)]
    return point.name
