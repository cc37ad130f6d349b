"""What the job collections of Vertex AI have in common: their methods follow from their nouns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from google.cloud import aiplatform_v1
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from airflow_mljobs.emulator.filters import snake
from airflow_mljobs.emulator.paging import ListQuery
from airflow_mljobs.emulator.rpc import Call, Method
from airflow_mljobs.emulator.services.base import JobCollection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.execution.base import Engine
    from airflow_mljobs.emulator.operations import Operations
    from airflow_mljobs.emulator.store import Store


def official(name: str) -> Any:
    """Give the plain protobuf class behind a message of the official client."""
    return getattr(aiplatform_v1.types, name).pb()


class VertexJobs(JobCollection):
    """A collection served over gRPC as `service`, with Create, Get, List, Cancel and Delete."""

    service: ClassVar[str]

    def __init__(self, *, store: Store, clock: Clock, engine: Engine, operations: Operations) -> None:
        super().__init__(store=store, clock=clock, engine=engine)
        self.operations = operations
        self._field = snake(self.noun).lower()

    def methods(self) -> Mapping[str, Method]:
        """Declare the service."""
        answers: Mapping[str, tuple[Any, Callable[[Any, Call], Any]]] = {
            f"Create{self.noun}": (self.resource, self._create),
            f"Get{self.noun}": (self.resource, self._get),
            f"List{self.noun}s": (official(f"List{self.noun}sResponse"), self._list),
            f"Cancel{self.noun}": (Empty, self._cancel),
            f"Delete{self.noun}": (operations_pb2.Operation, self._delete),
        }
        return {
            name: Method(request=official(f"{name}Request"), response=response, handle=handle)
            for name, (response, handle) in answers.items()
            # Not every kind of job can be cancelled.
            if hasattr(aiplatform_v1.types, f"{name}Request")
        }

    def _create(self, request: Any, call: Call) -> Any:
        job = self.create(
            request.parent, getattr(request, self._field), getattr(request, f"{self._field}_id", "")
        )
        return job

    def show(self, resource: Any, request: Any) -> Any:
        """Leave out of an answer what the request does not ask for; by default nothing."""
        return resource

    def _get(self, request: Any, call: Call) -> Any:
        job = self.show(self.get(request.name), request)
        return job

    def _list(self, request: Any, call: Call) -> Any:
        jobs, token = self.list(
            ListQuery(
                parent=request.parent,
                filter=request.filter,
                # Not every list can be ordered, or masked.
                order_by=getattr(request, "order_by", ""),
                page_size=request.page_size,
                page_token=request.page_token,
                read_mask=tuple(request.read_mask.paths) if hasattr(request, "read_mask") else (),
            )
        )
        shown = [self.show(job, request) for job in jobs]
        answer = official(f"List{self.noun}sResponse")(**{f"{self._field}s": shown, "next_page_token": token})
        return answer

    def _cancel(self, request: Any, call: Call) -> Any:
        self.cancel(request.name)
        return Empty()

    def _delete(self, request: Any, call: Call) -> Any:
        self.delete(request.name)
        parent = request.name.rsplit("/", 2)[0]
        return self.operations.start(parent, response=Empty(), metadata=official("DeleteOperationMetadata")())
