"""The control plane under `/_emulator/`, and the page that shows the jobs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import BaseRoute, Route

from airflow_mljobs.emulator.clock import rfc3339
from airflow_mljobs.emulator.page import Job, job_page, jobs_page
from airflow_mljobs.emulator.store import Condition, Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from starlette.requests import Request

    from airflow_mljobs.emulator.faults import Fault
    from airflow_mljobs.emulator.server import Emulator
    from airflow_mljobs.emulator.services.lifecycle import Lifecycle

_SHOWN = 200


class Console:
    """What a person, or a test in another process, sees and steers the emulator by."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[BaseRoute]:
        """Declare the pages."""
        return [
            Route("/", self._page),
            # Where a full Kubeflow has the pages of its pipelines.
            Route("/_/pipeline/", self._page),
            Route("/_emulator/health", self._health),
            Route("/_emulator/jobs", self._jobs),
            Route("/_emulator/jobs/{name:path}", self._job),
            Route("/_emulator/logs/{name:path}", self._log),
            Route("/_emulator/requests", self._requests, methods=["GET", "POST"]),
            Route("/_emulator/requests/reset", self._reset_requests, methods=["POST"]),
            Route("/_emulator/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/_emulator/clock", self._clock, methods=["GET", "POST"]),
            *(
                Route(jobs.page, self._console_page(jobs))
                for jobs in self._emulator.jobs.values()
                if jobs.page
            ),
        ]

    @staticmethod
    def _console_page(jobs: Lifecycle) -> Callable[[Request], Awaitable[Response]]:
        """Lead from where the service's own console shows a job to where this one does."""

        async def redirect(request: Request) -> Response:
            name = jobs.name_behind({"project": "", **request.query_params, **request.path_params})
            return RedirectResponse(quote(f"/_emulator/jobs/{name}"))

        return redirect

    def _records(self, limit: int = -1) -> list[Record]:
        self._emulator.catch_up()
        return self._emulator.store.find(Condition(sql="1"), order="create_time DESC, seq DESC", limit=limit)

    def _log_path(self, record: Record) -> Path:
        return self._emulator.data / "logs" / f"{record.id}.log"

    def _summary(self, record: Record) -> dict[str, Any]:
        return {
            "name": record.name,
            "service": record.kind,
            "display_name": record.display_name,
            "labels": dict(record.labels),
            "state": record.state,
            "created": rfc3339(record.create_time),
            "started": rfc3339(record.start_time),
            "ended": rfc3339(record.end_time),
            "error": record.error or None,
            "log": f"/_emulator/logs/{record.name}" if self._log_path(record).is_file() else None,
        }

    def _row(self, record: Record) -> Job:
        jobs = self._emulator.jobs[record.kind]
        return self._summary(record), jobs.tasks(jobs.load(record))

    def _resource(self, record: Record) -> dict[str, Any]:
        jobs = self._emulator.jobs[record.kind]
        return jobs.as_json(jobs.load(record))

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def _jobs(self, request: Request) -> Response:
        return JSONResponse([self._summary(record) for record in self._records()])

    def _page(self, request: Request) -> Response:
        records = self._records(_SHOWN)
        now = self._emulator.clock.now()
        return HTMLResponse(jobs_page([self._row(record) for record in records], now))

    def _job(self, request: Request) -> Response:
        record = self._find(request)
        if record is None:
            return PlainTextResponse("No such job.", status_code=404)
        path = self._log_path(record)
        output = path.read_text(errors="replace") if path.is_file() else ""
        return HTMLResponse(job_page(self._summary(record), self._resource(record), output))

    def _log(self, request: Request) -> Response:
        record = self._find(request)
        path = None if record is None else self._log_path(record)
        if path is None or not path.is_file():
            return PlainTextResponse("No output was kept.", status_code=404)
        return PlainTextResponse(path.read_text(errors="replace"))

    def _find(self, request: Request) -> Record | None:
        self._emulator.catch_up()
        return self._emulator.store.get(request.path_params["name"])

    async def _requests(self, request: Request) -> Response:
        counted = self._emulator.requests
        if request.method == "POST":
            try:
                counted.keep(str(json.loads(await request.body())["keep"]))
            except (KeyError, TypeError, ValueError) as error:
                return _refuse(error)
        return JSONResponse(counted.counts(containing=request.query_params.get("containing", "")))

    async def _reset_requests(self, request: Request) -> Response:
        self._emulator.requests.reset()
        return JSONResponse({})

    async def _faults(self, request: Request) -> Response:
        faults = self._emulator.faults
        if request.method == "DELETE":
            faults.clear(containing=request.query_params.get("containing"))
        elif request.method == "POST":
            try:
                faults.add(**json.loads(await request.body()))
            except (TypeError, ValueError) as error:
                return _refuse(error)
        return JSONResponse(_show(faults.pending()))

    async def _clock(self, request: Request) -> Response:
        clock = self._emulator.clock
        await run_in_threadpool(self._emulator.catch_up)
        if request.method == "POST":
            try:
                clock.advance(float(json.loads(await request.body())["advance"]))
            except (KeyError, TypeError, ValueError) as error:
                return _refuse(error)
        return JSONResponse({"now": clock.now().isoformat(), "offset": clock.offset})


def _refuse(error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)


def _show(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [{**vars(fault), "code": fault.code and fault.code.name} for fault in faults]
