"""How a method of a service is declared and answered over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from airflow_mljobs.emulator import masks
from airflow_mljobs.emulator.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message

    from airflow_mljobs.emulator.faults import Faults, Requests

_FIELD_MASK = "x-goog-fieldmask"
_NO_DEADLINE = 3600.0
_LOST_CONNECTION = "Socket closed"


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a request says beside its message."""

    metadata: Mapping[str, str]
    time_remaining: float


@dataclass(frozen=True, kw_only=True)
class Method:
    """One unary method: the official messages and the function that turns one into the other."""

    request: type[Message]
    response: type[Message]
    handle: Callable[[Any, Call], Message]


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """What every request passes: the counter, the faults, and the world being brought up to now."""

    requests: Requests
    faults: Faults
    catch_up: Callable[[], None]

    def handler(self, service: str, methods: Mapping[str, Method]) -> grpc.GenericRpcHandler[Any, Any]:
        """Make the methods of one service answerable by a gRPC server."""
        return grpc.method_handlers_generic_handler(
            service,
            {
                name: grpc.unary_unary_rpc_method_handler(
                    self._behaviour(f"{service}/{name}", method),
                    request_deserializer=method.request.FromString,
                    response_serializer=method.response.SerializeToString,
                )
                for name, method in methods.items()
            },
        )

    def _behaviour(self, name: str, method: Method) -> Callable[[Any, grpc.ServicerContext], Any]:
        def behave(request: Message, context: grpc.ServicerContext) -> Message:
            self.requests.record(name, lambda: str(request))
            fault = self.faults.take(name, lambda: str(request))
            if fault is not None and not fault.after_commit:
                self.faults.delay(fault)
                if fault.code is not None:
                    words = fault.message or f"{fault.code.name} asked for by the control plane"
                    if fault.retry_after is not None:
                        _ask_to_wait(context, fault.code, words, fault.retry_after)
                    context.abort(fault.code, words)
            failure: ServiceError | None = None
            answer: Message = method.response()
            try:
                self.catch_up()
                answer = _answer(method, request, _call(context))
            except ServiceError as error:
                failure = error
            if fault is not None and fault.after_commit:
                self.faults.delay(fault)
                context.abort(fault.code or grpc.StatusCode.UNAVAILABLE, fault.message or _LOST_CONNECTION)
            if failure is not None:
                context.abort(failure.code, failure.message)
            return answer

        return behave


def _answer(method: Method, request: Message, call: Call) -> Message:
    answer = method.handle(request, call)
    wanted = call.metadata.get(_FIELD_MASK)
    if wanted:
        masks.prune(answer, masks.from_header(wanted, answer.DESCRIPTOR))
    return answer


def _ask_to_wait(context: grpc.ServicerContext, code: grpc.StatusCode, words: str, seconds: float) -> None:
    """Send along how long to wait, in the form that https://google.aip.dev/193 has for it."""
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromMicroseconds(int(seconds * 1e6))
    status = status_pb2.Status(code=code.value[0], message=words)
    status.details.add().Pack(info)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))


def _call(context: grpc.ServicerContext) -> Call:
    # None without a deadline, whatever its annotation says.
    remaining: float | None = context.time_remaining()
    return Call(
        metadata={key: value for key, value in context.invocation_metadata() if isinstance(value, str)},
        time_remaining=_NO_DEADLINE if remaining is None else remaining,
    )
