"""Disturbs tasks at every moment that matters, with real processes, and counts what came of their jobs.

``python -m chaos --trials 38``; what a trial does follows from its seed, so that one that fails can be run
again. Which requests a storm hits does not: that is chance.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.finding import Finding
from chaos.runner import Outcome, at_once, run_trials, stack_for_trials
from chaos.services import CREATES
from chaos.trial import VARIANTS, Trial
from chaos.world import World
from processes import StackError, heed_interrupts

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".local" / "chaos"

TRIALS = len(VARIANTS) * len(CREATES)
"""Every point in every mode for every service, each generation of an API counted as one."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def summarise(outcome: Outcome) -> Table:
    """Return the table: a row for each point, and the sum."""
    table = Table("disturbed by", "trials", "too late", "duplicates", "orphans", "wrong results")
    rows: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for trial, finding in outcome.findings:
        figures = (1, trial.missed, finding.duplicates, finding.orphans, finding.wrong)
        for name in (trial.point.name, "all"):
            rows[name] = [a + b for a, b in zip(rows[name], figures, strict=True)]
    total = rows.pop("all", [0] * 5)
    for name, row in rows.items():
        table.add_row(name, *map(str, row))
    table.add_section()
    table.add_row("all", *map(str, total))
    return table


def main() -> int:
    """Run the trials, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's (default %(default)s)")
    parser.add_argument(
        "--at-once", type=int, default=at_once(), help="side by side (default %(default)s; 2 on SQLite)"
    )
    options = parser.parse_args()
    heed_interrupts()
    begin = time.monotonic()

    def say(trial: Trial, finding: Finding) -> None:
        what = f"seed {trial.seed:4} {trial.service} {trial.mode}: {trial.point.name}"
        console.print(
            f"{time.monotonic() - begin:7.1f} s  {what}: {finding.words or 'as it must be'}", soft_wrap=True
        )

    seeds = range(options.seed, options.seed + options.trials)
    try:
        with stack_for_trials(HOME, ROOT).running() as stack, World(stack=stack) as world:
            outcome = run_trials(seeds, world, at_once=options.at_once, say=say)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except (OSError, StackError) as error:
        console.print(str(error), markup=False)
        return 1
    console.print(summarise(outcome))
    for name in outcome.idle:
        console.print(f"failed: every disturbance came too late: {name}")
    for trial, finding in outcome.findings:
        if not finding.is_good:
            console.print(f"failed: --seed {trial.seed} --trials 1 ({finding.words})", soft_wrap=True)
    console.print(
        f"{len(VARIANTS)} seeds in a row have every point in every mode; logs: {HOME}", soft_wrap=True
    )
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
