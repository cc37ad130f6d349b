"""How a method of a service is answered over HTTP: counted, subject to faults, with the service's errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_mljobs.emulator.errors import ServiceError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from airflow_mljobs.emulator.faults import Faults, Requests

STATUS: Mapping[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
"""As ``google.rpc.Code`` has it."""

Envelope = Callable[[ServiceError], dict[str, Any]]
Handle = Callable[["Ask"], Any]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, read whole."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """Return what the request says, to be searched."""
        return f"{dict(self.path)} {dict(self.query)} {self.body.decode(errors='replace')}"

    def json(self) -> Any:
        """Return the body.

        :raises ServiceError: when it is not JSON.
        """
        try:
            return json.loads(self.body or b"{}", parse_constant=_refuse_constant)
        except ValueError as error:
            raise ServiceError(
                grpc.StatusCode.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}"
            ) from error


def _refuse_constant(name: str) -> Any:
    # Python reads and writes NaN and the infinities, which JSON does not have.
    msg = f"{name} is not JSON"
    raise ValueError(msg)


class LostConnection(Response):
    """Promises a body, and hangs up before it: what a client sees when a connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of an answer, and no more."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})


@dataclass(frozen=True, kw_only=True)
class HttpGateway:
    """What every request passes: the counter, the faults, and the world being brought up to now.

    :param service: the first part of the methods' names in counters and faults, such as ``ml.v1``.
    :param envelope: puts an error into the service's form.
    """

    service: str
    envelope: Envelope
    requests: Requests
    faults: Faults
    catch_up: Callable[[], None]

    def route(self, verb: str, path: str, method: str, handle: Handle) -> Route:
        """Declare a route.

        :param verb: such as ``GET``.
        :param path: in Starlette's form, such as ``/v1/projects/{project}/jobs``.
        :param method: the name under which its requests are counted and faults apply, such as ``CreateJob``.
        :param handle: returns what is sent as JSON, or a response of its own; runs in a thread.
        """

        async def endpoint(request: Request) -> Response:
            ask = Ask(
                path=request.path_params,
                query=request.query_params,
                headers=request.headers,
                body=await request.body(),
            )
            return await run_in_threadpool(self._answer, f"{self.service}/{method}", handle, ask)

        return Route(path, endpoint, methods=[verb], name=f"{self.service}/{method}")

    def _answer(self, name: str, handle: Handle, ask: Ask) -> Response:
        self.requests.record(name, ask.text)
        fault = self.faults.take(name, ask.text)
        if fault is not None and not fault.after_commit:
            self.faults.delay(fault)
            if fault.code is not None:
                words = fault.message or f"{fault.code.name} asked for by the control plane"
                return self._refuse(ServiceError(fault.code, words, retry_after=fault.retry_after))
        try:
            self.catch_up()
            answer = handle(ask)
        except ServiceError as error:
            answer = self._refuse(error)
        if fault is not None and fault.after_commit:
            self.faults.delay(fault)
            return LostConnection()
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    def _refuse(self, error: ServiceError) -> Response:
        headers = {} if error.retry_after is None else {"Retry-After": f"{error.retry_after:g}"}
        return JSONResponse(self.envelope(error), status_code=STATUS.get(error.code, 500), headers=headers)
