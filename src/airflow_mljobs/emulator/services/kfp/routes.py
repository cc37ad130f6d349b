"""Where the server answers what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from airflow_mljobs.emulator.services.kfp import v1, v2
from airflow_mljobs.emulator.services.kfp.catalog_methods import (
    ExperimentMethods,
    HealthMethods,
    PipelineMethods,
)
from airflow_mljobs.emulator.services.kfp.run_methods import RunMethods
from airflow_mljobs.emulator.services.kfp.server import LOGIN_PATH

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_mljobs.emulator.http import Ask, Handle, HttpGateway
    from airflow_mljobs.emulator.services.kfp.faces import Face
    from airflow_mljobs.emulator.services.kfp.runs import KfpRuns

_FACES: tuple[Face, ...] = (v1, v2)
_SERVICES = (HealthMethods, RunMethods, ExperimentMethods, PipelineMethods)


def routes(runs: KfpRuns, gateway: HttpGateway) -> list[BaseRoute]:
    """Declare both generations, the control plane's part, and the answer to everything else below /apis."""
    found: list[BaseRoute] = []
    for face in _FACES:
        counted = replace(gateway, service=f"{runs.service}.{face.API}")
        found += [
            counted.route(verb, f"/apis/{face.API}{path}", method, _guarded(runs, face.API, handle))
            for service in _SERVICES
            for verb, path, method, handle in service(runs, face).table()
        ]
    found += [
        gateway.route(verb, "/apis/{rest:path}", "Unknown", _guarded(runs, "", lambda ask: {}))
        for verb in ("GET", "POST", "DELETE")
    ]
    return [*found, *_control(runs)]


def _guarded(runs: KfpRuns, api: str, handle: Handle) -> Handle:
    def answer(ask: Ask) -> Any:
        turned_away = runs.server.admit(ask)
        if turned_away is not None:
            return turned_away
        runs.server.serves(api)
        return handle(ask)

    return answer


def _control(runs: KfpRuns) -> list[BaseRoute]:
    async def settings(request: Request) -> Response:
        if request.method == "POST":
            try:
                runs.server.change(json.loads(await request.body()))
            except (TypeError, ValueError) as error:
                return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse(runs.server.as_json())

    async def login(request: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Log in</title><form><input name=login></form>")

    return [
        Route("/_emulator/kfp", settings, methods=["GET", "POST"]),
        Route(LOGIN_PATH, login),
    ]
