"""Run the example DAGs on a real Airflow and the emulator, and show what came of them."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from processes import StackError, heed_interrupts, wait_until
from stack import Stack

ROOT = Path(__file__).resolve().parent.parent
DAG_ID = "all_services"
"""The DAG whose one run starts all the others, under its own run id."""

WITHIN = 300.0
"""Seconds for that run."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One DAG of the demo: ``run`` runs the job, ``report`` tells its result."""

    service: str
    dag_id: str


EXAMPLES = (
    Example(service="Vertex AI PipelineJob", dag_id="vertex_ai_pipeline"),
    Example(service="Vertex AI CustomJob", dag_id="vertex_ai_custom_job"),
    Example(service="Vertex AI NotebookExecutionJob", dag_id="vertex_ai_notebook"),
    Example(service="AI Platform MLEngineJob", dag_id="ml_engine"),
    Example(service="Kubeflow Pipelines KFPRun", dag_id="kubeflow_pipelines"),
)

# Whoever reads a log file has room for a whole line.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


class Progress:
    """Prints what is new about the runs, each thing once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._begin = time.monotonic()
        self._seen: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Print a line with the time since the beginning."""
        console.print(f"[dim]{time.monotonic() - self._begin:6.1f} s[/]  {text}")

    def show(self, run_id: str) -> bool:
        """Print the changes of tasks and jobs; return whether the run has ended."""
        for example in EXAMPLES:
            for name, task in self._stack.airflow.tasks(example.dag_id, run_id).items():
                self._note(f"{example.dag_id}.{name}", f"task  {example.dag_id}.{name}", task["state"])
        for job in self._stack.emulator.jobs():
            what = f"job   {job['service']} {job['name'].rpartition('/')[-1]}"
            self._note(job["name"], what, job["state"])
        return self._stack.airflow.run_state(DAG_ID, run_id) in {"success", "failed"}

    def _note(self, key: str, what: str, state: str | None) -> None:
        if state and self._seen.get(key) != state:
            self._seen[key] = state
            self.say(f"{what}: {state}")


def seconds_between(job: dict[str, Any]) -> str:
    """Return how long a job took from its creation to its end."""
    begin, end = job.get("created"), job.get("ended")
    if not begin or not end:
        return "-"
    return f"{(datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds():.1f} s"


def summarise(stack: Stack, run_id: str) -> tuple[Table, bool]:
    """Return the table of all jobs, and whether every one really succeeded."""
    table = Table("Service", "Job", "State", "Duration", "Result", title="What ran")
    well = stack.airflow.run_state(DAG_ID, run_id) == "success"
    for example in EXAMPLES:
        job = stack.airflow.xcom(example.dag_id, run_id, "run") or {}
        result = stack.airflow.xcom(example.dag_id, run_id, "report")
        real = stack.emulator.job(job["name"]) if job else {}
        succeeded = job.get("status") == "succeeded" and str(real.get("state", "")).endswith("SUCCEEDED")
        well &= succeeded and bool(result)
        table.add_row(
            example.service,
            job.get("name", "-").rpartition("/")[-1],
            job.get("state") or "no job",
            seconds_between(job),
            escape(describe(result) if result else failure(stack, example.dag_id, run_id)),
        )
    return table, well


def describe(result: dict[str, Any]) -> str:
    """Write a result in one line, without what the table says already."""
    shown = {key: value for key, value in result.items() if key != "state"}
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in shown.items()
    )


def failure(stack: Stack, dag_id: str, run_id: str) -> str:
    """Return the last words of the task that failed."""
    for name, task in stack.airflow.tasks(dag_id, run_id).items():
        if task["state"] == "failed":
            return stack.airflow.task_log(dag_id, run_id, name, task["try_number"])[-300:]
    return "no result"


def main() -> int:
    """Run the demo and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up until Ctrl-C")
    options = parser.parse_args()
    heed_interrupts()
    stack = Stack(home=ROOT / ".local" / "demo", dags=ROOT / "example_dags", engine="local")
    progress = Progress(stack)
    progress.say("starting the emulator and Airflow")
    try:
        with stack.running():
            progress.say(f"emulator: {stack.emulator.url}  Airflow: {stack.airflow.url}")
            run_id = stack.airflow.trigger(DAG_ID)
            wait_until(lambda: progress.show(run_id), within=WITHIN, what=f"The end of {DAG_ID}", every=0.5)
            table, well = summarise(stack, run_id)
            console.print(table)
            if options.keep:
                progress.say("every job succeeded" if well else "[red]not every job succeeded[/]")
                console.print(
                    f"Airflow:  {stack.airflow.url}  (user admin, password {stack.airflow.password})"
                )
                console.print(f"Jobs:     {stack.emulator.url}")
                console.print("Ctrl-C ends both.")
                while True:
                    time.sleep(3600)
            progress.say("every job succeeded" if well else "[red]not every job succeeded[/]")
            return 0 if well else 1
    except KeyboardInterrupt:
        progress.say("stopped; nothing is left running")
        return 130
    except StackError as error:
        console.print(f"[red]{escape(str(error))}[/]")
        return 1


if __name__ == "__main__":
    sys.exit(main())
