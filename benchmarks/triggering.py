"""What one side's triggers cost the process they run in: a triggerer reduced to its event loop.

``python -m benchmarks.triggering --side ours --kind pipeline --warm-up NAME --interval 10 --window 60
--folder DIR`` writes ``ready`` into the folder, waits for ``names`` (one job a line), runs a trigger for
each, and writes ``report.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import selectors
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from airflow.sdk.log import configure_logging
from airflow.triggers.base import BaseTrigger

BEAT = 0.1
"""Seconds between two beats of the monitor, which shall cost next to nothing."""

MakeTrigger = Callable[[str, float], BaseTrigger]


def make_ours(kind: str) -> MakeTrigger:
    """Return what makes this provider's trigger for a job."""
    from airflow_mljobs.triggers.vertex_ai import CustomJobTrigger, PipelineJobTrigger

    trigger = {"pipeline": PipelineJobTrigger, "custom": CustomJobTrigger}[kind]
    hook_params = {"gcp_conn_id": "google_cloud_default", "impersonation_chain": None}

    def make(name: str, interval: float) -> BaseTrigger:
        # Before Airflow 3.3 the end of the window would be taken for a kill.
        return trigger(job_name=name, hook_params=hook_params, poll_interval=interval, cancel_on_kill=False)

    return make


def make_incumbent(kind: str) -> MakeTrigger:
    """Return what makes the Google provider's trigger for a job."""
    from airflow.providers.google.cloud.triggers.vertex_ai import CustomJobTrigger, RunPipelineJobTrigger

    def make(name: str, interval: float) -> BaseTrigger:
        _, project, _, location, _, job_id = name.split("/")
        place: dict[str, Any] = {"project_id": project, "location": location, "poll_interval": interval}
        if kind == "pipeline":
            return RunPipelineJobTrigger(conn_id="google_cloud_default", job_id=job_id, **place)
        return CustomJobTrigger(gcp_conn_id="google_cloud_default", custom_job_id=job_id, **place)

    return make


SIDES: dict[str, Callable[[str], MakeTrigger]] = {"ours": make_ours, "incumbent": make_incumbent}


@dataclass(kw_only=True)
class Report:
    """What a window cost.

    :param cpu: seconds of this process, all threads, user and system.
    :param memory: bytes by which its resident memory grew, at the most.
    :param longest_block: seconds for which this process held up its event loop, at the most, be it by a
        collection of garbage.
    :param longest_delay: seconds for which the loop was held up, whoever did it: another process on the same
        core, or the machine's host.
    :param ended: when the window ended, in seconds since 1970.
    :param fired: when the trigger of each job fired.
    :param broken: what triggers raised.
    """

    cpu: float = 0.0
    memory: int = 0
    longest_block: float = 0.0
    longest_delay: float = 0.0
    ended: float = 0.0
    fired: dict[str, float] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


async def first_event(trigger: BaseTrigger) -> None:
    """Run a trigger until it fires."""
    async for _ in trigger.run():
        return


@dataclass(kw_only=True)
class Longest:
    """The longest times for which an event loop was held up."""

    block: float = 0.0
    delay: float = 0.0

    def note(self, delay: float, *, since: float) -> None:
        """Note a delay, of which this process caused no more than it spent of CPU in the meantime.

        :param delay: seconds.
        :param since: seconds of CPU that this process had spent when it began.
        """
        self.delay = max(self.delay, delay)
        self.block = max(self.block, min(delay, time.process_time() - since))


class TimedSelector(selectors.DefaultSelector):
    """Notes for how long the event loop was busy between two waits: then it could do nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.longest = Longest()
        self._woke, self._spent = math.inf, time.process_time()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait, as the loop does between two rounds."""
        self.longest.note(time.perf_counter() - self._woke, since=self._spent)
        found = super().select(timeout)
        self._woke, self._spent = time.perf_counter(), time.process_time()
        return found


async def keep_beat(report: Report, longest: Longest, process: psutil.Process) -> None:
    """Note how late each beat comes, as threads beside the loop can cause, and how large all has become."""
    loop = asyncio.get_running_loop()
    held = process.memory_info().rss
    while True:
        due, spent = loop.time() + BEAT, time.process_time()
        await asyncio.sleep(BEAT)
        longest.note(loop.time() - due, since=spent)
        report.memory = max(report.memory, process.memory_info().rss - held)


async def measure(
    make: MakeTrigger, names: list[str], *, interval: float, window: float, selector: TimedSelector
) -> Report:
    """Run a trigger for each job, all at once, and return what that cost in the window.

    :param names: the jobs.
    :param interval: seconds between two looks at a job.
    :param window: seconds after which those that have not fired are stopped.
    :param selector: that of the event loop.
    """
    report = Report()

    async def run(name: str) -> None:
        try:
            await first_event(make(name, interval))
        except Exception as error:  # a trigger that breaks is a result, too
            report.broken.append(f"{name}: {type(error).__name__}: {error}"[:300])
        else:
            report.fired[name] = time.time()

    process = psutil.Process()
    longest = selector.longest = Longest()
    beat = asyncio.create_task(keep_beat(report, longest, process))
    await asyncio.sleep(0)
    spent, end = time.process_time(), asyncio.get_running_loop().time() + window
    triggers = []
    for name in names:
        triggers.append(asyncio.create_task(run(name)))
        # As a triggerer does, which has other triggers to care for.
        await asyncio.sleep(0)
    await asyncio.sleep(end - asyncio.get_running_loop().time())
    report.cpu, report.ended = time.process_time() - spent, time.time()
    report.longest_block, report.longest_delay = longest.block, longest.delay
    for task in (beat, *triggers):
        task.cancel()
    await asyncio.gather(beat, *triggers, return_exceptions=True)
    return report


def wait_for(path: Path) -> str:
    """Return what is in a file as soon as there is one."""
    while not path.exists():
        time.sleep(0.02)
    return path.read_text()


def main() -> None:
    """Warm up, measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=SIDES, required=True)
    parser.add_argument("--kind", choices=["pipeline", "custom"], required=True)
    parser.add_argument("--warm-up", required=True, help="a job that has ended")
    parser.add_argument("--interval", type=float, required=True, help="seconds between two looks")
    parser.add_argument("--window", type=float, required=True, help="seconds to measure")
    parser.add_argument("--folder", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    # As a triggerer's triggers log, but for the pipe to its supervisor, which is a file here.
    with (options.folder / "triggers.log").open("wb") as log:
        configure_logging(json_output=True, output=log, sending_to_supervisor=True)
        make = SIDES[options.side](options.kind)
        # What a triggerer pays once in its life, above all imports, is no cost of polling: both sides
        # see one job through to its end before the measure begins.
        asyncio.run(asyncio.wait_for(first_event(make(options.warm_up, options.interval)), 60))
        (options.folder / "ready").touch()
        names = wait_for(options.folder / "names").split()
        gc.collect()
        selector = TimedSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            measured = measure(
                make, names, interval=options.interval, window=options.window, selector=selector
            )
            report = runner.run(measured)
    partial = options.folder / "report.partial"
    partial.write_text(json.dumps(asdict(report)))
    partial.replace(options.folder / "report.json")


if __name__ == "__main__":
    main()
