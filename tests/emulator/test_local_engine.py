"""The local engine: processes begun, ended, limited and found again."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from engine_bench import Bench, await_that, command, is_running

from airflow_mljobs.emulator.execution.base import Phase

LASTING = "614.253"
"""Seconds that no other process sleeps for."""

STUBBORN = "trap '' TERM; echo $$ > {}; while :; do sleep 0.1; done"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Start an engine that is soon out of patience."""
    with Bench(tmp_path, grace=0.5) as bench:
        yield bench


def pids(folder: Path, *names: str) -> list[int]:
    """Wait for the processes to have noted themselves."""
    files = [folder / name for name in names]
    await_that(lambda: all(file.exists() and file.read_text().strip() for file in files))
    return [int(file.read_text()) for file in files]


def test_success(bench: Bench) -> None:
    """A job passes through its phases and leaves its output."""
    job = command("1", "sh", "-c", "echo out; echo err >&2")
    assert bench.run(job).error is None
    assert bench.phases(job) == [Phase.PENDING, Phase.RUNNING, Phase.SUCCEEDED]
    assert bench.log(job) == "out\nerr\n"


def test_nothing_is_left(bench: Bench) -> None:
    """The working folder goes with the job, and so does a process that it left behind."""
    bench.gcs.joinpath("bucket").mkdir()
    job = command("1", "sh", "-c", "touch here; sleep 600 & echo $! > /gcs/bucket/pid")
    assert bench.run(job).phase is Phase.SUCCEEDED
    [pid] = pids(bench.gcs / "bucket", "pid")
    await_that(lambda: not is_running(pid))
    assert not (bench.data / "jobs" / job.name).exists()


def test_cancel_ends_the_whole_group(bench: Bench) -> None:
    """A cancelled job's child and grandchild go too, whether they heed the signal or not."""
    folder = bench.gcs / "bucket"
    folder.mkdir()
    script = f"({STUBBORN.format('/gcs/bucket/grandchild')}) & {STUBBORN.format('/gcs/bucket/leader')}"
    job = command("1", "bash", "-c", script.replace("$$", "$BASHPID"))
    bench.engine.start(job)
    processes = pids(folder, "grandchild", "leader")
    bench.engine.cancel(job)
    assert bench.finish(job).phase is Phase.CANCELLED
    await_that(lambda: not any(map(is_running, processes)))


def test_cancel_in_the_middle_of_a_start(bench: Bench) -> None:
    """A job that is cancelled while it starts leaves no process either."""
    script = f"sleep {LASTING} & sleep {LASTING}"
    jobs = [command(str(number), "bash", "-c", script) for number in range(20)]
    for number, job in enumerate(jobs):
        bench.engine.start(job)
        time.sleep(number / 2000)  # each at another moment of its start
        bench.engine.cancel(job)
    assert {bench.finish(job).phase for job in jobs} == {Phase.CANCELLED}
    await_that(lambda: not any(LASTING in process.info["cmdline"] for process in everything()))


def everything() -> list[psutil.Process]:
    """Return the processes of this machine that have a command line."""
    return [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"]]


def test_cancel_lets_a_job_end_in_order(bench: Bench) -> None:
    """A job that heeds the signal may tidy up first."""
    job = command(
        "1", "bash", "-c", "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.01; done"
    )
    bench.engine.start(job)
    bench.await_phase(job, Phase.RUNNING)
    await_that(lambda: "ready" in bench.log(job))
    bench.engine.cancel(job)
    bench.engine.cancel(job)
    assert bench.finish(job).phase is Phase.CANCELLED
    assert bench.log(job).endswith("tidy\n")


def test_cancel_of_an_unknown_job(bench: Bench) -> None:
    """A job that the engine does not have is as good as cancelled."""
    job = command("1", "true", phase=Phase.CANCELLING)
    bench.engine.cancel(job)
    assert bench.finish(job).phase is Phase.CANCELLED


def test_limit_and_order(tmp_path: Path) -> None:
    """Beyond the limit jobs wait in their order, and one that waits can be cancelled."""
    with Bench(tmp_path, slots=1) as bench:
        (bench.gcs / "bucket").mkdir()
        first = command("1", "sh", "-c", "until [ -e /gcs/bucket/go ]; do sleep 0.01; done")
        second, third, fourth = (command(number, "true") for number in "234")
        for job in (first, second, third, fourth):
            bench.engine.start(job)
        bench.await_phase(first, Phase.RUNNING)
        bench.engine.cancel(third)
        bench.finish(third)
        assert bench.phases(third) == [Phase.CANCELLED]
        assert bench.phases(second) == []
        (bench.gcs / "bucket" / "go").touch()
        assert bench.finish(fourth).phase is Phase.SUCCEEDED
        assert bench.phases(second)[-1] is Phase.SUCCEEDED


def test_unknown_kind(bench: Bench) -> None:
    """A kind that the engine cannot run fails, saying so."""
    job = dataclasses.replace(command("1", "true"), kind="TrainingPipeline")
    assert "cannot run a TrainingPipeline" in (bench.run(job).error or "")


def test_close(tmp_path: Path) -> None:
    """Closing ends every group, reports nothing more, and leaves no thread."""
    before = set(threading.enumerate())
    with Bench(tmp_path, grace=0.2) as bench:
        folder = bench.gcs / "bucket"
        folder.mkdir()
        job = command("1", "bash", "-c", STUBBORN.format("/gcs/bucket/leader"))
        bench.engine.start(job)
        [pid] = pids(folder, "leader")
        bench.await_phase(job, Phase.RUNNING)
    await_that(lambda: not is_running(pid))
    assert bench.phases(job) == [Phase.PENDING, Phase.RUNNING]
    assert set(threading.enumerate()) <= before
    bench.engine.close()
    bench.engine.close()


CRASH = """
import sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_bench import Bench, command
from airflow_mljobs.emulator.execution.base import Phase
bench = Bench(Path(sys.argv[1]))
(bench.gcs / "bucket").mkdir()
script = "sleep 600 & echo $! > /gcs/bucket/child; echo $$ > /gcs/bucket/leader; wait"
job = command("1", "bash", "-c", script)
bench.engine.start(job)
bench.await_phase(job, Phase.RUNNING)
print("running", flush=True)
threading.Event().wait()
"""


def test_recover_after_a_crash(tmp_path: Path) -> None:
    """What a killed emulator left running is ended and fails, saying why; what had not begun begins."""
    emulator = subprocess.Popen(
        [sys.executable, "-c", CRASH, str(tmp_path), os.path.dirname(__file__)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with emulator:
        assert emulator.stdout is not None
        assert emulator.stdout.readline() == "running\n"
        processes = pids(tmp_path / "gcs" / "bucket", "child", "leader")
        emulator.kill()
    assert all(map(is_running, processes))
    running = command("1", "true", phase=Phase.RUNNING)
    queued = command("2", "true", phase=Phase.QUEUED)
    cancelling = command("3", "true", phase=Phase.CANCELLING)
    with Bench(tmp_path) as bench:
        bench.engine.recover([running, queued, cancelling])
        assert "emulator was restarted" in (bench.finish(running).error or "")
        assert bench.phases(running) == [Phase.FAILED]
        assert bench.finish(queued).phase is Phase.SUCCEEDED
        assert bench.phases(cancelling) == [Phase.CANCELLED]
    await_that(lambda: not any(map(is_running, processes)))
    assert not (tmp_path / "jobs" / running.name).exists()


@pytest.mark.parametrize("note", ["reused", "gone", "torn"])
def test_recover_never_kills_another(tmp_path: Path, note: str) -> None:
    """A process id that means another process by now, or nothing, or was half written, ends nobody."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        job = command("1", "true", phase=Phase.RUNNING)
        folder = tmp_path / "jobs" / job.name
        folder.mkdir(parents=True)
        started = psutil.Process(stranger.pid).create_time()
        noted = {"pid": stranger.pid if note == "reused" else 2**22 - 1, "started": started - 100}
        text = json.dumps(noted)
        (folder / "process.json").write_text(text[:9] if note == "torn" else text)
        with Bench(tmp_path) as bench:
            bench.engine.recover([job])
            assert bench.finish(job).phase is Phase.FAILED
        assert is_running(stranger.pid)
        stranger.send_signal(signal.SIGKILL)
