"""The table of runs: how a run is kept, and what becomes of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.emulator.clock import Clock, microseconds
from airflow_mljobs.emulator.execution.base import Engine, Phase, Pipeline, Update
from airflow_mljobs.emulator.services.http_jobs import HttpJobs
from airflow_mljobs.emulator.services.kfp import tasks, templates, v2
from airflow_mljobs.emulator.services.kfp.pipelines import pipeline_name
from airflow_mljobs.emulator.services.kfp.run_list import metric_key
from airflow_mljobs.emulator.services.kfp.server import KfpServer, KfpSettings
from airflow_mljobs.emulator.services.kfp.states import V1_STATUS
from airflow_mljobs.emulator.services.kfp.times import timestamp
from airflow_mljobs.emulator.services.lifecycle import STARTED
from airflow_mljobs.emulator.store import Record, Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_mljobs.emulator.errors import ServiceError

DEFAULT_ROOT = "gs://mlpipeline/v2/artifacts"
_SCRIPT = re.compile(r"\b(emulator-[a-z]+)=([\w.,-]+)")

Run = dict[str, Any]


class RunTable(HttpJobs):
    """Runs, by their ids.

    A run has no labels, so what the simulating engine is told stands in its name, its description or a text
    among its parameters: ``emulator-outcome=failed emulator-seconds=0.5``. Several outcomes, with commas
    between them, are those of the first try and of the retries.
    """

    service: ClassVar = "kfp"
    noun: ClassVar = "KFPRun"
    states: ClassVar = tasks.STATES
    first_phase: ClassVar = Phase.PENDING
    page: ClassVar = "/runs/details/{run_id}"
    failure: ClassVar = "main: Error (exit code 1)"

    def __init__(self, *, store: Store, clock: Clock, engine: Engine, settings: KfpSettings) -> None:
        super().__init__(store=store, clock=clock, engine=engine)
        self.server = KfpServer(settings)

    def envelope(self, error: ServiceError) -> dict[str, Any]:
        """Put an error into the form of the release that is emulated."""
        return self.server.envelope(error)

    def as_json(self, resource: Run) -> dict[str, Any]:
        """Show a run as v2beta1 does."""
        return v2.show_run(resource, self.server.release)

    def name_behind(self, place: Mapping[str, str]) -> str:
        """Return the id, by which alone a run is known."""
        return place["run_id"]

    def pipeline(self, record: Record, resource: Run) -> Pipeline | None:
        """Hand over a compiled pipeline, which an Argo workflow is not."""
        template = resource["template"]
        if not templates.is_ir(template):
            return None
        spec = templates.spec_of(template)
        root = resource["pipeline_root"] or spec.get("defaultPipelineRoot") or DEFAULT_ROOT
        place = f"{root.rstrip('/')}/{pipeline_name(template)}/{record.id}"
        return Pipeline(spec=spec, arguments=resource["parameters"], root=place)

    def tasks(self, resource: Run) -> list[tuple[str, str]]:
        """Name the tasks and their states."""
        return [(task["display_name"], task["state"]) for task in resource["tasks"]]

    def track(self, resource: Run, update: Update, at: datetime) -> None:
        """Keep the tasks, and leave none open at the end."""
        moment = timestamp(microseconds(at))
        tasks.update(resource["tasks"], resource["run_id"], update.tasks, moment)
        if update.phase is not None and update.phase.is_final:
            tasks.close(resource["tasks"], resource["run_id"], update.phase, moment)

    def enter(self, resource: Run, phase: Phase, error: str | None, at: datetime) -> None:
        """Write a new phase into a run; why it failed its tasks say, unless it has none."""
        resource["state"] = self.states[phase]
        resource["finished"] = microseconds(at) * phase.is_final
        resource["error"] = "" if tasks.failures(resource["tasks"]) else error or ""
        moment = timestamp(microseconds(at))
        history: list[dict[str, str]] = resource["state_history"]
        if phase is Phase.CANCELLED and history[-1]["state"] != self.states[Phase.CANCELLING]:
            # An engine that knows the end before it begins has skipped what led there.
            history.append({"update_time": moment, "state": self.states[Phase.CANCELLING]})
        history.append({"update_time": moment, "state": resource["state"]})

    def save(self, resource: Run, phase: Phase, at: datetime, earlier: Record | None) -> Record:
        """Keep a run."""
        now = microseconds(at)
        record = Record(
            name=resource["run_id"],
            kind=self.noun,
            parent=resource["namespace"],
            phase=phase,
            state=resource["state"],
            display_name=resource["name"],
            labels=_script(resource),
            create_time=resource["created"],
            start_time=(earlier.start_time if earlier else 0) or now * (phase in STARTED),
            end_time=resource["finished"],
            update_time=now,
            error=resource["error"] or "\n".join(tasks.failures(resource["tasks"])),
            extra={
                "status": V1_STATUS[resource["state"]],
                **{name: resource[name] for name in ("experiment_id", "description", "storage_state")},
                **{metric_key(item["name"]): str(item["number_value"]) for item in resource["metrics"]},
            },
        )
        self.store.save(record, json.dumps(resource).encode())
        return record


def _script(run: Run) -> dict[str, str]:
    texts = [run["name"], run["description"], *map(str, run["parameters"].values())]
    script = {key: value for text in texts for key, value in _SCRIPT.findall(text)}
    outcomes = script.get("emulator-outcome", "").split(",")
    if outcomes != [""]:
        script["emulator-outcome"] = outcomes[min(run["retries"], len(outcomes) - 1)]
    return script
