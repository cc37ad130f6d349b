"""The methods of the run service."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from starlette.responses import JSONResponse

from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.http import STATUS
from airflow_mljobs.emulator.services.kfp import argo, metrics, v1
from airflow_mljobs.emulator.services.kfp.run_list import list_runs

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask, Handle
    from airflow_mljobs.emulator.services.kfp.faces import Face, Table
    from airflow_mljobs.emulator.services.kfp.runs import KfpRuns


class RunMethods:
    """Answers in the words of one generation."""

    def __init__(self, runs: KfpRuns, face: Face) -> None:
        self._runs = runs
        self._face = face
        self._server = runs.server

    def table(self) -> Table:
        """Declare the methods."""
        runs, is_v1 = self._runs, self._face.API == v1.API
        # The older API has two of its verbs as parts of the path.
        verb_at = "/" if is_v1 else ":"
        table: Table = [
            ("POST", "/runs", "CreateRun", self._create),
            ("GET", "/runs", "ListRuns", self._list),
            ("GET", "/runs/{run_id}", "GetRun", self._get),
            ("DELETE", "/runs/{run_id}", "DeleteRun", _silent(runs.delete)),
            ("POST", f"/runs/{{run_id}}{verb_at}terminate", "TerminateRun", _silent(runs.terminate)),
            ("POST", f"/runs/{{run_id}}{verb_at}retry", "RetryRun", _silent(runs.retry)),
            ("POST", "/runs/{run_id}:archive", "ArchiveRun", _silent(runs.archive)),
            ("POST", "/runs/{run_id}:unarchive", "UnarchiveRun", _silent(runs.unarchive)),
            (
                "GET",
                "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read",
                "ReadArtifact",
                self._read_artifact,
            ),
        ]
        if is_v1:
            table.append(("POST", "/runs/{run_id}:reportMetrics", "ReportRunMetrics", self._report))
        return table

    def _create(self, ask: Ask) -> Any:
        release = self._server.release
        draft = self._face.read_draft(ask.json(), release)
        return self._face.show_detail(self._runs.create(ask, draft), release)

    def _get(self, ask: Ask) -> Any:
        _, run = self._runs.get(ask, ask.path["run_id"])
        return self._face.show_detail(run, self._server.release)

    def _list(self, ask: Ask) -> Any:
        runs, release = self._runs, self._server.release
        with runs.store.transaction():
            page = list_runs(
                ask,
                api=self._face.API,
                scope=self._face.scope(ask),
                store=runs.store,
                server=self._server,
                experiments=runs.experiments,
            )
            shown = [self._face.show_run(runs.load(record), release) for record in page.items]
        return page.show("runs", shown)

    def _report(self, ask: Ask) -> Any:
        news = v1.METRICS(ask.json()).get("metrics", [])
        with self._runs.store.transaction():
            record, run = self._runs.get(ask, ask.path["run_id"], "reportMetrics")
            results = metrics.report(run["metrics"], news)
            self._runs.rewrite(record, run)
        return {"results": results}

    def _read_artifact(self, ask: Ask) -> Any:
        run_id, node, name = (ask.path[part] for part in ("run_id", "node_id", "artifact_name"))
        streams = self._server.release.streams_artifacts
        try:
            _, run = self._runs.get(ask, run_id, "readArtifact")
        except ServiceError as error:
            if not streams:
                raise
            # Whoever may see no run is not to learn from here which there are.
            hides = self._server.settings.multi_user
            return _refuse_stream(error, 403 if hides else STATUS[error.code])
        content = argo.artifact(run, node, name)
        if content is None:
            msg = (
                f"Failed to read artifact: ResourceNotFoundError: artifact {name} of node {node} not found; "
                "only those of Argo workflows are kept by the server"
            )
            missing = ServiceError(grpc.StatusCode.NOT_FOUND, msg)
            if not streams:
                raise missing
            return _refuse_stream(missing, 404)
        return {"data": base64.b64encode(content).decode()}


def _refuse_stream(error: ServiceError, status: int) -> JSONResponse:
    return JSONResponse({"error_message": error.message, "error_details": error.message}, status)


def _silent(deed: Callable[[Ask, str], None]) -> Handle:
    def act(ask: Ask) -> Any:
        deed(ask, ask.path["run_id"])
        return {}

    return act
