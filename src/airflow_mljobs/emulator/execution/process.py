"""A job's work as one process group of this machine: started, watched, ended, and found again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

import psutil

from airflow_mljobs.emulator.execution.base import Phase, Update
from airflow_mljobs.emulator.execution.plan import Ended, News, Place, Plan, Refused, tail_of

NEWS_FD = "MLJOBS_NEWS_FD"
"""Names, in the environment of a process that has news to tell, the descriptor to write them to."""

NEWS_LINE_LIMIT = 2**20
NOT_STARTED = 128


class Record:
    """Tells on disk which process runs a job, so that the next emulator can end what this one could not."""

    FILE: ClassVar = "process.json"
    # The kernel counts from its start, whose wall time moves when the clock is set right.
    TOLERANCE: ClassVar = 2.0

    def __init__(self, *, folder: Path) -> None:
        self._path = folder / self.FILE

    def write(self, pid: int) -> None:
        """Note the process with its start time, for a process id alone may come to mean another."""
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(pid).create_time()
            self._path.write_text(json.dumps({"pid": pid, "started": started}), encoding="utf-8")

    def clear(self) -> None:
        """Forget the process, which is gone."""
        self._path.unlink(missing_ok=True)

    def kill(self) -> bool:
        """End the group of the noted process if it is still that one; tell whether one was noted."""
        if not self._path.exists():
            return False
        # A note cut short by the crash names nobody.
        with contextlib.suppress(psutil.NoSuchProcess, json.JSONDecodeError):
            noted = json.loads(self._path.read_text(encoding="utf-8"))
            if abs(psutil.Process(noted["pid"]).create_time() - noted["started"]) < self.TOLERANCE:
                _kill(noted["pid"], _descendants(noted["pid"]))
        self.clear()
        return True


async def run(plan: Plan, *, place: Place, grace: float, tell: Callable[[Update], None]) -> Ended:
    """Run a plan to its end, passing its news on; a cancelled caller, or too long a run, ends the group."""
    try:
        with place.log.open("wb") as log:
            process, news = await _start_whole(plan, log=log, grace=grace)
    except OSError as error:
        # What a shell, and a container runtime, answer for a command that cannot be executed.
        return Ended(log=place.log, returncode=NOT_STARTED, start_error=str(error))
    record = Record(folder=place.folder)
    try:
        record.write(process.pid)
        tell(Update(phase=Phase.RUNNING))
        async with asyncio.timeout(plan.timeout):
            if plan.news and news:
                await _follow(news, meaning=plan.news, tell=tell)
            await process.wait()
    except TimeoutError as error:
        raise Refused(
            f"The job ran longer than its timeout of {plan.timeout:g} s and was stopped. "
            f"Last output: {tail_of(place.log)}\nThe full output is in {place.log}"
        ) from error
    finally:
        await _end_group(process, grace=grace)
        record.clear()
    return Ended(log=place.log, returncode=await process.wait(), tail=tail_of(place.log))


async def read_output(argv: Sequence[str]) -> tuple[int, str]:
    """Run a tool of ours to its end in the emulator's own environment; return its status and output."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        await _end_group(process, grace=0)
    return await process.wait(), output.decode(errors="replace")


async def _start_whole(
    plan: Plan, *, log: BinaryIO, grace: float
) -> tuple[asyncio.subprocess.Process, BinaryIO | None]:
    starting = asyncio.create_task(_start(plan, log=log))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Cancelled in the middle of a start, asyncio ends the first process, and none of its children.
        with contextlib.suppress(OSError):
            process, news = await starting
            if news:
                news.close()
            await _end_group(process, grace=grace)
        raise


async def _start(plan: Plan, *, log: BinaryIO) -> tuple[asyncio.subprocess.Process, BinaryIO | None]:
    read, write = os.pipe() if plan.news else (None, None)
    try:
        process = await asyncio.create_subprocess_exec(
            *plan.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            cwd=plan.cwd,
            env={**plan.env, **({NEWS_FD: str(write)} if write else {})},
            pass_fds=(write,) if write else (),
            start_new_session=True,
        )
    except BaseException:
        if read:
            os.close(read)
        raise
    finally:
        # Ours has to go, or the end of the last writer would never show as the end of the pipe.
        if write:
            os.close(write)
    return process, os.fdopen(read, "rb", buffering=0) if read else None


async def _follow(news: BinaryIO, *, meaning: News, tell: Callable[[Update], None]) -> None:
    reader = asyncio.StreamReader(limit=NEWS_LINE_LIMIT)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), news
    )
    with contextlib.closing(transport):
        async for line in reader:
            tell(meaning.read(line.decode()))


async def _end_group(process: asyncio.subprocess.Process, *, grace: float) -> None:
    """Ask the group to end; when its leader has, or the grace is over, end what is left of it."""
    strays = _descendants(process.pid)
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
    # Also after a good end: as in a container, nothing outlives the first process.
    _kill(process.pid, strays)
    await process.wait()


def _descendants(pid: int) -> Sequence[psutil.Process]:
    """Find those too that have left the group, such as the kernel of a notebook."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return ()


def _kill(pid: int, strays: Sequence[psutil.Process]) -> None:
    _signal_group(pid, signal.SIGKILL)
    for stray in strays:
        with contextlib.suppress(psutil.NoSuchProcess):
            stray.kill()


def _signal_group(pid: int, number: signal.Signals) -> None:
    # A group that has just gone is what was wanted; macOS says EPERM of one that is all zombies.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
