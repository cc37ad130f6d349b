"""The part of the MetadataService on which experiments stand: contexts, and whose children they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import grpc

from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.rpc import Call, Method
from airflow_mljobs.emulator.services.vertex import official
from airflow_mljobs.emulator.services.vertex_ai import PipelineJobs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.store import Store

_CONTEXT = official("Context")


class Metadata:
    """Contexts that clients create, and those that the pipeline jobs bring along."""

    service: ClassVar[str] = "google.cloud.aiplatform.v1.MetadataService"

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def methods(self) -> Mapping[str, Method]:
        """Declare the service."""
        return {
            "CreateContext": Method(
                request=official("CreateContextRequest"), response=_CONTEXT, handle=self._create
            ),
            "GetContext": Method(request=official("GetContextRequest"), response=_CONTEXT, handle=self._get),
            "AddContextChildren": Method(
                request=official("AddContextChildrenRequest"),
                response=official("AddContextChildrenResponse"),
                handle=self._add_children,
            ),
        }

    def _create(self, request: Any, call: Call) -> Any:
        context = request.context
        context.name = f"{request.parent}/contexts/{request.context_id}"
        if self._find(context.name) is not None:
            raise ServiceError(
                grpc.StatusCode.ALREADY_EXISTS, f"Context with name {context.name} already exists."
            )
        context.create_time.FromDatetime(self._clock.now())
        return self._keep(context)

    def _get(self, request: Any, call: Call) -> Any:
        context = self._find(request.name)
        if context is None:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, f'The Context "{request.name}" does not exist.')
        return context

    def _add_children(self, request: Any, call: Call) -> Any:
        self._get(official("GetContextRequest")(name=request.context), call)
        for name in request.child_contexts:
            child = self._get(official("GetContextRequest")(name=name), call)
            if request.context not in child.parent_contexts:
                child.parent_contexts.append(request.context)
                self._keep(child)
        return official("AddContextChildrenResponse")()

    def _find(self, name: str) -> Any | None:
        rows = self._store.rows("SELECT content FROM contexts WHERE name = ?", (name,))
        return _CONTEXT.FromString(rows[0][0]) if rows else self._of_pipeline(name)

    def _of_pipeline(self, name: str) -> Any | None:
        location, _, job_id = name.partition("/metadataStores/default/contexts/")
        record = self._store.get(f"{location}/{PipelineJobs.collection}/{job_id}")
        if record is None:
            return None
        job = PipelineJobs.resource.FromString(self._store.content(record.name))
        return job.job_detail.pipeline_run_context

    def _keep(self, context: Any) -> Any:
        context.update_time.FromDatetime(self._clock.now())
        self._store.rows(
            "INSERT OR REPLACE INTO contexts (name, content) VALUES (?, ?)",
            (context.name, context.SerializeToString()),
        )
        return context
