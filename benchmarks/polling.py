"""One measure of one side: jobs, triggers in a process of their own, and the figures."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.triggering import Report
from processes import wait_until

if TYPE_CHECKING:
    from benchmarks.jobs import Jobs

STARTS_WITHIN = 120.0
STOPS_WITHIN = 120.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to measure.

    :param jobs: how many are watched.
    :param interval: seconds between two looks at a job.
    :param window: seconds that are measured.
    :param ending: share of the jobs that end while they are watched, and at least four.
    :param ends: when they do, as shares of the window: late enough to be waited for, early enough to be seen.
    :param outcome: how they do: ``succeeded`` or ``failed``.
    """

    jobs: int
    interval: float = 10.0
    window: float = 60.0
    ending: float = 0.03
    ends: tuple[float, float] = (0.25, 0.6)
    outcome: str = "succeeded"

    def burst(self, outcome: str) -> Plan:
        """Return the same plan for jobs that all end within a second."""
        middle = 0.5
        return replace(self, ending=1.0, ends=(middle, middle + 1 / self.window), outcome=outcome)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What watching the jobs for the window cost one side, and what came of it.

    :param requests: that reached the service.
    :param connections: opened.
    :param received: bytes from the service.
    :param cpu: seconds of the triggers' process.
    :param memory: bytes by which it grew.
    :param delay_p50: seconds from a job's end to its trigger's event, the median.
    :param delay_p99: the same, of the slowest hundredth.
    :param longest_block: of the event loop by the triggers' process, in seconds.
    :param longest_delay: of the event loop, whoever held it up.
    :param unseen: jobs that ended, and whose triggers had not fired at the end of the window.
    :param given_up: triggers that fired, or broke, although their job was running.
    """

    requests: int
    connections: int
    received: int
    cpu: float
    memory: int
    delay_p50: float
    delay_p99: float
    longest_block: float
    longest_delay: float
    unseen: int
    given_up: int


def measure(jobs: Jobs, *, side: str, plan: Plan) -> Figures:
    """Run a side's triggers for the plan's number of jobs, and return what that cost.

    :param side: ``ours`` or ``incumbent``.
    """
    service = jobs.service
    folder = service.home / f"{jobs.kind}-{plan.jobs}-{side}-{plan.ending}-{plan.outcome}"
    folder.mkdir()
    count = max(4, round(plan.jobs * plan.ending))
    jobs.grow(plan.jobs - count)
    argv = [sys.executable, "-m", "benchmarks.triggering", "--side", side, "--kind", jobs.kind]
    argv += ["--warm-up", jobs.ended(), "--folder", str(folder)]
    argv += ["--interval", str(plan.interval), "--window", str(plan.window)]
    log = folder / "output.log"
    server = service.servers.start(f"The {side} side", argv, env=service.environment, log=log)

    def there(name: str) -> Path | None:
        path = folder / name
        if not path.exists():
            server.check()
        return path if path.exists() else None

    wait_until(lambda: there("ready"), within=STARTS_WITHIN, what=f"The warm-up of the {side} side")
    first, last = (share * plan.window for share in plan.ends)
    ending = jobs.ending(count, within=(first, last), outcome=plan.outcome)
    before = service.traffic()
    write(folder / "names", "\n".join([*jobs.running[: plan.jobs - count], *ending]))

    def reported() -> Path | None:
        # The real service's jobs end without being asked.
        service.emulator.keep_time()
        return there("report.json")

    report_path = wait_until(
        reported, within=plan.window + STOPS_WITHIN, what=f"The report of the {side} side"
    )
    traffic = service.traffic().since(before)
    service.servers.kill(server)
    report = Report(**json.loads(report_path.read_text()))
    ends = {name: end for name, end in jobs.ends(ending).items() if end < report.ended}
    delays = [report.fired.get(name, report.ended) - end for name, end in ends.items()]
    return Figures(
        requests=traffic.requests,
        connections=traffic.connections,
        received=traffic.received,
        cpu=report.cpu,
        memory=report.memory,
        delay_p50=statistics.median(delays),
        delay_p99=statistics.quantiles(delays, n=100, method="inclusive")[98],
        longest_block=report.longest_block,
        longest_delay=report.longest_delay,
        unseen=len(ends.keys() - report.fired.keys()),
        given_up=len(too_early(report.fired, ends)) + len(report.broken),
    )


def too_early(fired: Mapping[str, float], ends: Mapping[str, float]) -> list[str]:
    """Return the jobs whose triggers fired although they had not ended."""
    return [name for name, at in fired.items() if name not in ends or at < ends[name]]


def write(path: Path, text: str) -> None:
    """Write a file whole, for a process that waits for it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)
