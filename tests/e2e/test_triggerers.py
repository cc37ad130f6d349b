"""Two triggerers on one database: triggers move between them, and their jobs never notice."""

from __future__ import annotations

import signal
from collections.abc import Iterable

import psutil

from e2e.runs import job_name_of, log_of
from processes import wait_until
from stack import Stack

DAG_ID = "endless_deferrable"


def test_triggers_move_and_jobs_run_on(stack: Stack) -> None:
    """A triggerer that hangs, or dies, loses its triggers to another, and no job is cancelled or repeated."""
    before = stack.emulator.requests()
    runs = [stack.airflow.trigger(DAG_ID) for _ in range(2)]
    wait_for_words(stack, runs, "Job {} is JOB_STATE_RUNNING")
    names = {run: job_name_of(stack, DAG_ID, run) for run in runs}
    (first,) = stack.servers.named("triggerer")
    second = stack.start_part("triggerer")

    moved_from = holders(stack, runs)
    send(first.family(), signal.SIGSTOP)
    wait_until(lambda: not holders(stack, runs) & (moved_from | {None}), within=90, what="The triggers' move")
    send(first.family(), signal.SIGCONT)
    wait_for_words(stack, runs, "job {} is left to the next triggerer")
    moved_from = holders(stack, runs)
    stack.servers.kill(second)
    wait_until(
        lambda: not holders(stack, runs) & (moved_from | {None}), within=90, what="The triggers' move back"
    )

    assert {stack.emulator.job(name)["state"] for name in names.values()} == {"JOB_STATE_RUNNING"}
    assert requests_since(stack, before, "CancelCustomJob") == 0
    for run in runs:
        stack.airflow.api(
            "PATCH", f"dags/{DAG_ID}/dagRuns/{run}/taskInstances/run", json={"new_state": "failed"}
        )
    wait_for_words(stack, runs, "Task killed: asked the service to cancel job {}")
    assert requests_since(stack, before, "CancelCustomJob") == len(runs)
    assert requests_since(stack, before, "CreateCustomJob") == len(runs)


def holders(stack: Stack, runs: Iterable[str]) -> set[int | None]:
    """Return the triggerers that have the runs' triggers."""
    jobs = [stack.airflow.tasks(DAG_ID, run)["run"]["triggerer_job"] for run in runs]
    return {job["id"] if job else None for job in jobs}


def wait_for_words(stack: Stack, runs: Iterable[str], words: str) -> None:
    """Wait until the log of each run's task has the words, about its job."""
    for run in runs:
        wait_until(
            lambda: words.format(job_name_of(stack, DAG_ID, run)) in log_of(stack, DAG_ID, run, "run"),  # noqa: B023
            within=60,
            what=f"{words!r} in the log of {run}",
        )


def send(processes: Iterable[psutil.Process], number: int) -> None:
    """Send each process a signal."""
    for process in processes:
        process.send_signal(number)


def requests_since(stack: Stack, before: dict[str, int], method: str) -> int:
    """Return how many requests of a method arrived since."""
    return sum(
        count - before.get(name, 0)
        for name, count in stack.emulator.requests().items()
        if name.endswith(f"/{method}")
    )
