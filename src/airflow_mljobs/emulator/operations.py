"""google.longrunning.Operations: what a delete or a batch returns, until it is done."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from google.rpc import code_pb2, status_pb2

from airflow_mljobs.emulator.clock import Clock, microseconds
from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.paging import PageTokens, clamp
from airflow_mljobs.emulator.rpc import Call, Method

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.message import Message

    from airflow_mljobs.emulator.store import Store

_LONGEST_WAIT = 30.0
_LOOK_AGAIN = 0.1
_JOB_OF_AN_OPERATION = "google.cloud.aiplatform.v1.NotebookExecutionJob"
_COLUMNS = "id, name, done_time, awaits, content"


class Operations:
    """Operations are done `seconds` after their start and once the jobs that they await have ended.

    Their effect is there from the start: only the news of it comes later. Where the response is the very job
    that an operation awaits, it is given as it is at the end.
    """

    service: ClassVar[str] = "google.longrunning.Operations"

    def __init__(self, *, store: Store, clock: Clock, seconds: float = 0.05) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds

    def methods(self) -> Mapping[str, Method]:
        """Declare the service."""
        return {
            "GetOperation": Method(
                request=operations_pb2.GetOperationRequest,
                response=operations_pb2.Operation,
                handle=self._get,
            ),
            "ListOperations": Method(
                request=operations_pb2.ListOperationsRequest,
                response=operations_pb2.ListOperationsResponse,
                handle=self._list,
            ),
            "DeleteOperation": Method(
                request=operations_pb2.DeleteOperationRequest, response=Empty, handle=self._delete
            ),
            "CancelOperation": Method(
                request=operations_pb2.CancelOperationRequest, response=Empty, handle=self._cancel
            ),
            "WaitOperation": Method(
                request=operations_pb2.WaitOperationRequest,
                response=operations_pb2.Operation,
                handle=self._wait,
            ),
        }

    def start(self, parent: str, *, response: Message, metadata: Any, awaits: Sequence[str] = ()) -> Any:
        """Begin an operation, which fails when its response is a status.

        `metadata` is a message that has the usual `generic_metadata`.
        """
        now = self._clock.now()
        metadata.generic_metadata.create_time.FromDatetime(now)
        metadata.generic_metadata.update_time.FromDatetime(now + timedelta(seconds=self._seconds))
        operation = operations_pb2.Operation(
            name=f"{parent}/operations/{secrets.randbelow(9 * 10**18) + 10**18}"
        )
        operation.done = True
        operation.metadata.Pack(metadata)
        if isinstance(response, status_pb2.Status):
            operation.error.CopyFrom(response)
        else:
            operation.response.Pack(response)
        self._store.rows(
            "INSERT INTO operations (name, parent, done_time, awaits, content) VALUES (?, ?, ?, ?, ?)",
            (
                operation.name,
                parent,
                microseconds(now + timedelta(seconds=self._seconds)),
                json.dumps(list(awaits)),
                operation.SerializeToString(),
            ),
        )
        return self._find(operation.name)

    def _find(self, name: str) -> Any:
        rows: list[Any] = self._store.rows(f"SELECT {_COLUMNS} FROM operations WHERE name = ?", (name,))
        if not rows:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, f'The Operation "{name}" does not exist.')
        return self._read(rows[0])

    def _read(self, row: Any) -> Any:
        _, _, done_time, awaits, content = row
        operation = operations_pb2.Operation.FromString(content)
        operation.done = microseconds(self._clock.now()) >= done_time and not self._running(
            json.loads(awaits)
        )
        if not operation.done:
            operation.ClearField("result")
        elif operation.response.TypeName() == _JOB_OF_AN_OPERATION:
            self._renew(operation, *json.loads(awaits))
        return operation

    def _renew(self, operation: Any, job: str) -> None:
        if self._store.get(job) is None:
            operation.error.code, operation.error.message = code_pb2.CANCELLED, f"{job} was deleted."
        else:
            operation.response.value = self._store.content(job)

    def _running(self, names: Sequence[str]) -> bool:
        records = [self._store.get(name) for name in names]
        return any(record is not None and not record.phase.is_final for record in records)

    def _get(self, request: Any, call: Call) -> Any:
        return self._find(request.name)

    def _list(self, request: Any, call: Call) -> Any:
        if request.filter:
            raise ServiceError(
                grpc.StatusCode.UNIMPLEMENTED, "The emulator lists operations without a filter."
            )
        parent = request.name.removesuffix("/operations")
        if not parent:
            raise invalid("List of found errors:\t1.Field: name; Message: Required field is not set.\t")
        size = clamp(request.page_size)
        tokens = PageTokens(parent)
        after = tokens.read(request.page_token)[0] if request.page_token else 0
        rows: list[Any] = self._store.rows(
            f"SELECT {_COLUMNS} FROM operations WHERE parent = ? AND id > ? ORDER BY id LIMIT ?",
            (parent, after, size + 1),
        )
        page = rows[:size]
        return operations_pb2.ListOperationsResponse(
            operations=[self._read(row) for row in page],
            next_page_token=tokens.write([page[-1][0]]) if len(rows) > size else "",
        )

    def _delete(self, request: Any, call: Call) -> Any:
        self._find(request.name)
        self._store.rows("DELETE FROM operations WHERE name = ?", (request.name,))
        return Empty()

    def _cancel(self, request: Any, call: Call) -> Any:
        """Refuse: neither a delete nor a batch can be called back."""
        self._find(request.name)
        raise ServiceError(
            grpc.StatusCode.FAILED_PRECONDITION, f"Operation {request.name} is not cancellable."
        )

    def _wait(self, request: Any, call: Call) -> Any:
        wanted = (
            request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else _LONGEST_WAIT
        )
        start = datetime.now().astimezone()
        patience = min(wanted, call.time_remaining / 2, _LONGEST_WAIT)
        while True:
            operation = self._find(request.name)
            left = patience - (datetime.now().astimezone() - start).total_seconds()
            if operation.done or left <= 0:
                return operation
            soon = self._clock.now() + timedelta(seconds=_LOOK_AGAIN)
            self._clock.wait_until(soon, timeout=left)
