"""The operations on runs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import grpc

from airflow_mljobs.emulator.clock import microseconds
from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.execution.base import Phase
from airflow_mljobs.emulator.services.kfp import tasks, templates
from airflow_mljobs.emulator.services.kfp.experiments import ARCHIVED, AVAILABLE, Experiments
from airflow_mljobs.emulator.services.kfp.pipelines import Pipelines
from airflow_mljobs.emulator.services.kfp.routes import routes
from airflow_mljobs.emulator.services.kfp.run_list import of_experiment
from airflow_mljobs.emulator.services.kfp.run_table import Run, RunTable
from airflow_mljobs.emulator.services.kfp.times import timestamp

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.execution.base import Engine
    from airflow_mljobs.emulator.http import Ask, HttpGateway
    from airflow_mljobs.emulator.services.kfp.drafts import Draft
    from airflow_mljobs.emulator.services.kfp.server import KfpSettings
    from airflow_mljobs.emulator.store import Record, Store

DEFAULT_ACCOUNT = "pipeline-runner"
RETRIABLE = frozenset({Phase.FAILED, Phase.CANCELLED})


class KfpRuns(RunTable):
    """What can be done with runs, whichever API asks for it."""

    def __init__(self, *, store: Store, clock: Clock, engine: Engine, settings: KfpSettings) -> None:
        super().__init__(store=store, clock=clock, engine=engine, settings=settings)
        self.experiments = Experiments(store=store, clock=clock, server=self.server)
        self.pipelines = Pipelines(store=store, clock=clock, server=self.server)

    def routes(self, gateway: HttpGateway) -> list[BaseRoute]:
        """Declare both APIs."""
        return routes(self, gateway)

    def create(self, ask: Ask, draft: Draft) -> Run:
        """Accept a run and hand it to the engine."""
        release = self.server.release
        if not draft.name:
            raise self.server.uncreatable("The run name is empty. Please specify a valid name")
        with self.store.transaction():
            experiment = self.experiments.of_run(draft.experiment_id)
        self.server.authorize(ask, experiment.parent, "create")
        template, reference = self._template(ask, draft)
        try:
            templates.check(template, draft.parameters)
        except ValueError as error:
            raise self.server.uncreatable(str(error)) from error
        now = self.clock.now()
        run: Run = {
            "run_id": (release.has_v2 and draft.run_id) or str(uuid4()),
            "name": draft.name,
            "description": draft.description,
            "experiment_id": experiment.id,
            "namespace": experiment.parent,
            "service_account": draft.service_account or DEFAULT_ACCOUNT,
            "storage_state": AVAILABLE,
            "template": template,
            "reference": reference,
            "parameters": draft.parameters,
            "pipeline_root": draft.pipeline_root,
            "created": microseconds(now),
            "finished": 0,
            "state": "",
            "state_history": [],
            "error": "",
            "tasks": [],
            "metrics": [],
            "retries": 0,
        }
        with self.store.transaction():
            if self.store.get(run["run_id"]) is not None:
                msg = f"Failed to store run {draft.name} to table: Duplicate entry '{run['run_id']}'"
                raise self.server.uncreatable(msg)
            self.begin(run, now)
            self.experiments.add_run(experiment, run["created"])
        self.start(self.find(run["run_id"]))
        return run

    def get(self, ask: Ask, run_id: str, verb: str = "get") -> tuple[Record, Run]:
        """Find a run for a user."""
        record = self.find(run_id)
        self.server.authorize(ask, record.parent, verb)
        return record, self.load(record)

    def terminate(self, ask: Ask, run_id: str) -> None:
        """Ask an active run to stop."""
        record, _ = self.get(ask, run_id, "terminate")
        if record.phase.is_final or record.phase is Phase.CANCELLING:
            msg = f"Failed to terminate a run: Failed to terminate run {run_id}. Row not found"
            raise invalid(msg)
        self.stop(record)

    def retry(self, ask: Ask, run_id: str) -> None:
        """Run a failed run again, as the same run."""
        with self.store.transaction():
            record, run = self.get(ask, run_id, "retry")
            if record.phase not in RETRIABLE:
                msg = f"Failed to retry a run: Workflow must be Failed/Error to retry, got {record.state}"
                raise ServiceError(grpc.StatusCode.ABORTED, msg)
            now = self.clock.now()
            run["retries"] += 1
            tasks.reopen(run["tasks"], timestamp(microseconds(now)))
            self.enter(run, Phase.RUNNING, None, now)
            self.save(run, Phase.RUNNING, now, record)
        self.start(self.find(run_id))

    def archive(self, ask: Ask, run_id: str) -> None:
        """Put a run away, which does not stop it."""
        with self.store.transaction():
            record, run = self.get(ask, run_id, "archive")
            self.rewrite(record, run | {"storage_state": ARCHIVED})

    def unarchive(self, ask: Ask, run_id: str) -> None:
        """Fetch a run back; its experiment must be there."""
        with self.store.transaction():
            record, run = self.get(ask, run_id, "unarchive")
            if self.experiments.is_archived(run["experiment_id"]):
                msg = (
                    "Failed to unarchive a run: Failed precondition: Unarchive the experiment "
                    f"{run['experiment_id']} first to allow the run {run_id} to be unarchived"
                )
                raise ServiceError(grpc.StatusCode.FAILED_PRECONDITION, msg)
            self.rewrite(record, run | {"storage_state": AVAILABLE})

    def archive_experiment(self, ask: Ask, experiment_id: str) -> None:
        """Put an experiment away, and all its runs with it."""
        with self.store.transaction():
            self.experiments.archive(ask, experiment_id)
            for record in self.store.find(of_experiment(experiment_id)):
                self.rewrite(record, self.load(record) | {"storage_state": ARCHIVED})

    def delete(self, ask: Ask, run_id: str) -> None:
        """Forget a run; one that is active is killed."""
        with self.store.transaction():
            record, run = self.get(ask, run_id, "delete")
            self.store.remove(run_id)
        if not record.phase.is_final:
            self.engine.cancel(self.stored(record, run))

    def rewrite(self, record: Record, run: Run) -> None:
        """Keep a run that has changed in something else than its state."""
        self.save(run, record.phase, self.clock.now(), record)

    def find(self, run_id: str) -> Record:
        """Find a run's record."""
        record = self.store.get(run_id)
        if record is None or record.kind != self.noun:
            msg = f"Failed to fetch run {run_id}: ResourceNotFoundError: Run {run_id} not found."
            raise ServiceError(grpc.StatusCode.NOT_FOUND, msg)
        return record

    def _template(self, ask: Ask, draft: Draft) -> tuple[templates.Template, dict[str, str]]:
        """Find what the run is made from, and the version that it was read from."""
        try:
            if draft.manifest:
                inline = draft.manifest
                return (templates.parse(inline) if isinstance(inline, str) else inline), {}
            if draft.pipeline_version_id:
                version = self.pipelines.version(ask, draft.pipeline_version_id)
            elif draft.pipeline_id:
                version = self.pipelines.newest(ask, draft.pipeline_id)
            else:
                raise self.server.uncreatable("Either a pipeline spec or a pipeline version is required")
        except ValueError as error:
            raise self.server.uncreatable(str(error)) from error
        except ServiceError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                raise self.server.uncreatable(error.message) from error
            raise
        reference = {"pipeline_id": version.parent, "pipeline_version_id": version.id}
        return version.content["template"], reference
