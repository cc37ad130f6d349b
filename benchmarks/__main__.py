"""The command line: measures both sides in one run and prints the tables.

``python -m benchmarks --jobs 100 1000 5000 --check``
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from benchmarks.jobs import KINDS, Jobs
from benchmarks.polling import Figures, Plan, measure
from benchmarks.report import (
    SIDES,
    Polled,
    Started,
    claims_of_bursts,
    claims_of_correctness,
    claims_of_polling,
    claims_of_starting,
    polling_table,
    starting_table,
)
from benchmarks.service import Service
from benchmarks.starting import MODULES, Start, measure_deferral, measure_import
from processes import StackError, heed_interrupts

HOME = Path(__file__).parents[1] / ".local" / "benchmarks"
FIGURES = "figures.json"

# Whoever reads a log file has room for a whole table.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--jobs", type=int, nargs="*", default=[100, 1_000, 5_000], help="how many are watched"
    )
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=list(KINDS), help="default: both")
    parser.add_argument(
        "--burst", type=int, default=1_000, help="how many end together, on our side (%(default)s; 0: none)"
    )
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between looks (%(default)s)")
    parser.add_argument("--window", type=float, default=60.0, help="seconds measured (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="processes for each start (%(default)s; 0: none)")
    parser.add_argument("--home", type=Path, default=HOME, help="where state, logs and figures are kept")
    parser.add_argument("--check", action="store_true", help="fail when a claim does not hold")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and return the exit status."""
    options = parse()
    heed_interrupts()
    begin = time.monotonic()
    plan = Plan(jobs=0, interval=options.interval, window=options.window)
    polled: dict[tuple[str, int, str], Figures] = {}
    started: dict[tuple[str, str], Start] = {}
    bursts: dict[tuple[str, str], Figures] = {}

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - begin:7.1f} s  {text}", soft_wrap=True)

    try:
        with Service(home=options.home).running() as service:
            service.wait()
            if options.runs:
                measure_starts(service, started, runs=options.runs)
                say("measured what parsing and deferring cost")
            for kind in options.kinds:
                jobs = Jobs(service=service, kind=kind)
                # Ascending: then all jobs that run in the service are watched at each step.
                for count in sorted(options.jobs):
                    for side in SIDES:
                        figures = measure(jobs, side=side, plan=replace(plan, jobs=count))
                        polled[kind, count, side] = figures
                        say(f"{count:,} {kind} jobs, {side}: {figures}")
                if options.burst:
                    for outcome in ("succeeded", "failed"):
                        burst = replace(plan, jobs=options.burst).burst(outcome)
                        bursts[kind, outcome] = figures = measure(jobs, side="ours", plan=burst)
                        say(f"{options.burst:,} {kind} jobs that have {outcome} together: {figures}")
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except StackError as error:
        console.print(str(error), markup=False)
        return 1
    keep(options.home / FIGURES, polled, started)
    if polled:
        console.print(polling_table(polled, plan))
    if started:
        console.print(starting_table(started))
    claims = [
        *claims_of_polling(polled, plan),
        *claims_of_bursts(bursts, plan),
        *claims_of_correctness(polled),
        *claims_of_starting(started),
    ]
    for claim in claims:
        console.print(str(claim), style=None if claim.holds else "red")
    return 1 if options.check and not all(claim.holds for claim in claims) else 0


def measure_starts(service: Service, started: dict[tuple[str, str], Start], *, runs: int) -> None:
    """Measure what parsing and deferring cost either side."""
    for side in SIDES:
        for kind in MODULES:
            started[f"import {kind} operators", side] = measure_import(
                kind, side=side, environment=service.environment, runs=runs
            )
        started["defer a pipeline", side] = measure_deferral(service, side=side, runs=runs)


def keep(path: Path, polled: Polled, started: Started) -> None:
    """Write the figures for whoever compares runs."""
    path.write_text(
        json.dumps(
            {
                "polling": [
                    {"kind": kind, "jobs": jobs, "side": side, **asdict(figures)}
                    for (kind, jobs, side), figures in polled.items()
                ],
                "starting": [
                    {"what": what, "side": side, **asdict(start)} for (what, side), start in started.items()
                ],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
