"""Disturbs tasks at every moment that matters, with real processes, and counts what came of their jobs.

``python -m chaos --trials 200``; a trial follows from its seed, so that one that fails can be run again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.runner import Outcome, at_once, run_trials, stack_for_trials
from chaos.trial import VARIANTS, Trial, Verdict
from chaos.world import World
from processes import StackError, heed_interrupts

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".local" / "chaos"

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def summarise(outcome: Outcome) -> Table:
    """Return the table: a row for each point, and the sum."""
    table = Table("disturbed by", "trials", "too late", "duplicates", "orphans", "wrong results")
    rows: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for trial, verdict in outcome.verdicts:
        figures = (1, trial.missed, verdict.duplicates, verdict.orphans, verdict.wrong)
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
    parser.add_argument("--trials", type=int, default=200, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's (default %(default)s)")
    parser.add_argument(
        "--at-once", type=int, default=at_once(), help="side by side (default %(default)s; 2 on SQLite)"
    )
    options = parser.parse_args()
    heed_interrupts()
    begin = time.monotonic()

    def say(trial: Trial, verdict: Verdict) -> None:
        what = f"seed {trial.seed:4} {trial.service} {trial.mode}: {trial.point.name}"
        console.print(
            f"{time.monotonic() - begin:7.1f} s  {what}: {verdict.words or 'as it must be'}", soft_wrap=True
        )

    seeds = range(options.seed, options.seed + options.trials)
    try:
        with stack_for_trials(HOME, ROOT).running() as stack, World(stack=stack) as world:
            outcome = run_trials(seeds, world, at_once=options.at_once, say=say)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except StackError as error:
        console.print(str(error), markup=False)
        return 1
    console.print(summarise(outcome))
    for method, (sent, expected) in outcome.sent.items():
        console.print(f"{method}: {sent} requests sent, and not {expected}")
    for trial, verdict in outcome.verdicts:
        if not verdict.is_good:
            console.print(f"failed: --seed {trial.seed} --trials 1 ({verdict.words})", soft_wrap=True)
    console.print(
        f"{len(VARIANTS)} seeds in a row have every point in every mode; logs: {HOME}", soft_wrap=True
    )
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
