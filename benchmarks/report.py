"""The tables, and the claims that they must bear out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.table import Table

from benchmarks.polling import Figures, Plan
from benchmarks.starting import Start

SIDES = ("ours", "incumbent")
MEGABYTE = 1e6

Polled = Mapping[tuple[str, int, str], Figures]
"""By kind, number of jobs and side."""

Started = Mapping[tuple[str, str], Start]
"""By what was measured and side."""

RATIOS: Mapping[str, float] = {"requests": 1 / 50, "received": 1 / 50, "cpu": 1 / 10, "memory": 1 / 5}
"""Ours to the incumbent's, at `AT` jobs, at the most."""

AT = 1_000
GROWN = 5_000
GROWTH = 6.0
"""Ours at `GROWN` jobs to ours at `AT`, at the most."""

GROWS = ("requests", "received", "cpu")
CONNECTIONS = 2
DELAY = 2.0
"""Seconds beyond the interval in which the end of a job is told."""

BLOCK = 0.05
IMPORT = 1 / 30
DEFERRAL = 0.6


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is claimed of a figure, and what it is."""

    what: str
    found: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether the figure is as claimed."""
        return self.found <= self.most

    def __str__(self) -> str:
        word = "holds" if self.holds else "DOES NOT HOLD"
        return f"{word:>13}  {self.what}: {self.found:.4g}, claimed at most {self.most:.4g}"


def ratio(ours: float, incumbent: float) -> float:
    """Divide; what costs nothing on neither side is alike."""
    if incumbent > 0:
        return max(ours, 0.0) / incumbent
    return 0.0 if ours <= 0 else float("inf")


def claims_of_polling(polled: Polled, plan: Plan) -> Iterator[Claim]:
    """Hold the figures of polling to what is claimed, as far as they were measured."""
    for kind in dict.fromkeys(kind for kind, _, _ in polled):
        ours, incumbent = (polled.get((kind, AT, side)) for side in SIDES)
        if ours and incumbent:
            for name, most in RATIOS.items():
                found = ratio(getattr(ours, name), getattr(incumbent, name))
                yield Claim(what=f"{kind}, {AT:,} jobs: {name}, ours to theirs", found=found, most=most)
            what = f"{kind}, {AT:,} jobs"
            yield Claim(what=f"{what}: connections", found=ours.connections, most=CONNECTIONS)
            most = plan.interval + DELAY
            yield Claim(what=f"{what}: delay p99, seconds", found=ours.delay_p99, most=most)
        if grown := polled.get((kind, GROWN, "ours")):
            what = f"{kind}, {GROWN:,} jobs"
            yield Claim(what=f"{what}: longest block, seconds", found=grown.longest_block, most=BLOCK)
            for name in GROWS if ours else ():
                found = ratio(getattr(grown, name), getattr(ours, name))
                yield Claim(what=f"{what}: {name} to those at {AT:,}", found=found, most=GROWTH)


def claims_of_bursts(bursts: Mapping[tuple[str, str], Figures], plan: Plan) -> Iterator[Claim]:
    """Hold the bursts to the time in which they are told, by kind and outcome."""
    for (kind, outcome), figures in bursts.items():
        what = f"{kind} jobs that have {outcome} together"
        most = plan.interval + DELAY
        yield Claim(what=f"{what}: delay p99, seconds", found=figures.delay_p99, most=most)
        yield Claim(what=f"{what}: ends not seen", found=figures.unseen, most=0)


def claims_of_correctness(polled: Polled) -> Iterator[Claim]:
    """Hold ours to doing the work: to give jobs up or to miss their ends would be cheap, too."""
    for (kind, jobs, side), figures in polled.items():
        if side == "ours":
            what = f"{kind}, {jobs:,} jobs"
            yield Claim(what=f"{what}: triggers given up", found=figures.given_up, most=0)
            yield Claim(what=f"{what}: ends not seen", found=figures.unseen, most=0)


def claims_of_starting(started: Started) -> Iterator[Claim]:
    """Hold the figures of starting to what is claimed."""
    for what in dict.fromkeys(what for what, _ in started):
        ours, incumbent = (started[what, side] for side in SIDES)
        cpu = ratio(ours.cpu, incumbent.cpu)
        if ours.memory is None or incumbent.memory is None:
            yield Claim(what=f"{what}: CPU, ours to theirs", found=cpu, most=DEFERRAL)
            continue
        yield Claim(what=f"{what}: CPU, ours to theirs", found=cpu, most=IMPORT)
        memory = ratio(ours.memory, incumbent.memory)
        yield Claim(what=f"{what}: memory, ours to theirs", found=memory, most=IMPORT)


UNITS = (
    "requests",
    "connections",
    "MB received",
    "CPU s",
    "MB grown",
    "delay p50 s",
    "p99 s",
    "block ms",
    "not seen",
    "given up",
)


def polling_table(polled: Polled, plan: Plan) -> Table:
    """Return the table: for each number of jobs both sides, and what ours is of the incumbent's."""
    title = f"polled every {plan.interval:g} s for {plan.window:g} s"
    table = Table("jobs", "side", *UNITS, title=title)
    for column in table.columns[2:]:
        column.justify = "right"
    for kind, jobs in dict.fromkeys((kind, jobs) for kind, jobs, _ in polled):
        rows = [values(polled[kind, jobs, side]) for side in SIDES]
        for side, row in zip(SIDES, rows, strict=True):
            table.add_row(f"{jobs:,} {kind}", side, *map(shown, row))
        ratios = [f"{ratio(*pair):.2g}" for pair in zip(*rows, strict=True)]
        # What was not seen or given up is no cost.
        table.add_row("", "ratio", *ratios[:-2])
        table.add_section()
    return table


def values(figures: Figures) -> list[float]:
    """Return a row's figures in the table's units."""
    return [
        figures.requests,
        figures.connections,
        figures.received / MEGABYTE,
        figures.cpu,
        figures.memory / MEGABYTE,
        figures.delay_p50,
        figures.delay_p99,
        figures.longest_block * 1000,
        figures.unseen,
        figures.given_up,
    ]


def starting_table(started: Started) -> Table:
    """Return the table of what parsing and deferring cost."""
    table = Table("", "ours CPU s", "incumbent CPU s", "ratio", "ours MB", "incumbent MB", "ratio")
    for column in table.columns[1:]:
        column.justify = "right"
    for what in dict.fromkeys(what for what, _ in started):
        ours, incumbent = (started[what, side] for side in SIDES)
        row = [f"{ours.cpu:.2f}", f"{incumbent.cpu:.2f}", f"{ratio(ours.cpu, incumbent.cpu):.2g}"]
        if ours.memory is not None and incumbent.memory is not None:
            row += [shown(each.memory / MEGABYTE) for each in (ours, incumbent) if each.memory is not None]
            row.append(f"{ratio(ours.memory, incumbent.memory):.2g}")
        table.add_row(what, *row)
    return table


def shown(value: float) -> str:
    """Write a figure with as many digits as it deserves."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
