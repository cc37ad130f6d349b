"""Jobs of a service that speaks JSON over HTTP: the resource is what the service would send."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.emulator.services.lifecycle import Lifecycle

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_mljobs.emulator.errors import ServiceError
    from airflow_mljobs.emulator.http import HttpGateway
    from airflow_mljobs.emulator.store import Record


class HttpJobs(Lifecycle):
    """A kind of job served under `service`, by the routes that a subclass declares."""

    service: ClassVar[str]

    @abstractmethod
    def routes(self, gateway: HttpGateway) -> list[BaseRoute]:
        """Declare the methods."""

    @abstractmethod
    def envelope(self, error: ServiceError) -> dict[str, Any]:
        """Put an error into the service's form."""

    def load(self, record: Record) -> Any:
        """Read the resource of a record."""
        return json.loads(self.store.content(record.name))

    def as_json(self, resource: Any) -> dict[str, Any]:
        """Show a resource to a person."""
        shown: dict[str, Any] = resource
        return shown
