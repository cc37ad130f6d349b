"""Runs a compiled pipeline, whichever service was given it, through kfp.local in kfp's own environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mljobs.emulator.execution import kfp_runner
from airflow_mljobs.emulator.execution.base import Phase, StoredJob, TaskUpdate, Update
from airflow_mljobs.emulator.execution.plan import Ended, Place, Plan, Refused
from airflow_mljobs.emulator.gcs import local_path, localize

if TYPE_CHECKING:
    from airflow_mljobs.emulator.execution.kfp_environment import KfpEnvironment


class PipelinePlanner:
    """Plans a pipeline: its parameters and constants with `gs://` made local, its artifacts below its root.

    kfp.local runs lightweight Python components, importers, conditions, loops, retries and exit handlers; a
    component that needs its image fails with kfp's own words.
    """

    def __init__(self, *, environment: KfpEnvironment) -> None:
        self._environment = environment

    async def __call__(self, job: StoredJob, place: Place) -> Plan:
        """Write the request that the runner reads."""
        pipeline = job.pipeline
        if pipeline is None:
            raise Refused(
                "The local engine runs pipelines compiled by kfp 2; an Argo workflow needs its images, which "
                "the emulator does not run. The engine simulate accepts it."
            )
        if not pipeline.root:
            raise Refused("The pipeline has no root for its artifacts: give one with the run.")
        spec = dict(pipeline.spec)
        try:
            request = {
                "spec": _localize(place.gcs, spec),
                "arguments": _localize(place.gcs, dict(pipeline.arguments)),
                "pipeline_root": str(local_path(place.gcs, pipeline.root)),
            }
        except ValueError as error:
            raise Refused(str(error)) from error
        (place.folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        python = await self._environment.python()
        tasks = _Tasks(names=_leaves(spec, spec.get("root", {})))
        return Plan(
            argv=[str(python), kfp_runner.__file__, "request.json"],
            env=place.environment(python=python),
            cwd=place.folder,
            explain=tasks.explain,
            news=tasks,
        )


class _Tasks:
    """Keeps the phase of every task, in the order of the spec, from what the runner tells."""

    def __init__(self, *, names: Iterator[str]) -> None:
        self._phases = dict.fromkeys(names, Phase.PENDING)

    def read(self, line: str) -> Update:
        event = json.loads(line)
        if "task" not in event:
            return Update(tasks=[TaskUpdate(name=name, phase=phase) for name, phase in self._phases.items()])
        update = TaskUpdate(name=event["task"], phase=Phase(event["phase"]), error=event.get("error"))
        self._phases[update.name] = update.phase
        return Update(tasks=[update])

    def settle(self, phase: Phase) -> Sequence[TaskUpdate]:
        # A task cut off shares the fate of the pipeline; one never reached was skipped.
        fates = {Phase.PENDING: Phase.SKIPPED, Phase.RUNNING: phase}
        open_tasks = {name: fates[now] for name, now in self._phases.items() if now in fates}
        self._phases |= open_tasks
        return [TaskUpdate(name=name, phase=fate) for name, fate in open_tasks.items()]

    def explain(self, ended: Ended) -> str | None:
        if Phase.FAILED in self._phases.values():
            return None
        reason = ended.start_error or ended.tail
        return f"The pipeline could not be run: {reason}\nThe full output is in {ended.log}"


def _leaves(spec: dict[str, Any], component: dict[str, Any]) -> Iterator[str]:
    tasks = component.get("dag", {}).get("tasks", {})
    order = TopologicalSorter({name: tasks[name].get("dependentTasks", ()) for name in sorted(tasks)})
    for name in order.static_order():
        inner = spec.get("components", {}).get(tasks[name]["componentRef"]["name"], {})
        if "dag" in inner:
            yield from _leaves(spec, inner)
        else:
            yield name


def _localize(gcs: Path, tree: Any) -> Any:
    """Map every text that is an address, and leave code that only mentions one alone."""
    if isinstance(tree, dict):
        return {key: _localize(gcs, value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_localize(gcs, value) for value in tree]
    is_address = isinstance(tree, str) and tree.startswith(("gs://", "/gcs/"))
    return localize(gcs, tree) if is_address else tree
