"""One collection of jobs of one service: its lifecycle, told in the service's own words."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
from google.protobuf.json_format import MessageToDict

from airflow_mljobs.emulator import masks
from airflow_mljobs.emulator.clock import Clock, microseconds
from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.execution.base import Engine, Phase
from airflow_mljobs.emulator.filters import COMMON_FIELDS, Field, FieldType, compile_filter, snake
from airflow_mljobs.emulator.paging import ORDER_FIELDS, ListQuery, Order, PageTokens, clamp
from airflow_mljobs.emulator.services.lifecycle import STARTED, Lifecycle
from airflow_mljobs.emulator.services.validation import (
    Violations,
    check_display_name,
    check_labels,
    check_location,
)
from airflow_mljobs.emulator.store import Condition, Record, Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class JobCollection(Lifecycle):
    """Jobs whose resources are messages; declared by a subclass is what is particular about one kind.

    To cancel a finished job is FAILED_PRECONDITION: the reference is silent, but Vertex AI says so of its
    training pipelines, in these words. To delete an active one is likewise, by analogy.
    """

    collection: ClassVar[str]
    resource: ClassVar[Any]
    state_field: ClassVar[str] = "state"
    error_field: ClassVar[str] = "error"
    output_only: ClassVar[tuple[str, ...]] = ("name", "create_time", "start_time", "end_time", "update_time")
    hidden_in_list: ClassVar[tuple[str, ...]] = ()
    extra_fields: ClassVar[Mapping[str, Field]] = {}
    order_fields: ClassVar[Sequence[str]] = ORDER_FIELDS
    deletable_while_active: ClassVar[bool] = False

    def __init__(self, *, store: Store, clock: Clock, engine: Engine) -> None:
        super().__init__(store=store, clock=clock, engine=engine)
        self._known = self.filter_fields()
        self._name = re.compile(rf"(projects/[^/\s]+/locations/[a-z0-9-]+)/{self.collection}/[^/\s]+")

    @abstractmethod
    def check(self, resource: Any, violations: Violations) -> None:
        """Note what the service would refuse in a job to be created."""

    @abstractmethod
    def new_id(self, parent: str, resource: Any) -> str:
        """Choose the id of a job whose client chose none."""

    def check_id(self, job_id: str) -> None:
        """Refuse an id that the client may not choose; by default it may choose none."""
        msg = f"The id of a {self.noun} is chosen by the service, got '{job_id}'."
        raise invalid(msg)

    def complete(self, resource: Any) -> None:
        """Fill in what the service adds to a new job."""

    def describe_failure(self, resource: Any, error: str | None) -> tuple[grpc.StatusCode, str]:
        """Put the end of a failed job into the service's code and words."""
        return grpc.StatusCode.INVALID_ARGUMENT, error or "Job failed."

    def filter_fields(self) -> Mapping[str, Field]:
        """Declare the fields that a filter may name."""
        words = frozenset(self._state_enum.values_by_name)
        state = Field(type=FieldType.ENUM, column="state", words=words)
        return {**COMMON_FIELDS, **self.extra_fields, self.state_field: state}

    def extra(self, resource: Any) -> dict[str, str]:
        """Pick the texts for the `extra_fields`."""
        return {}

    def create(self, parent: str, resource: Any, job_id: str = "") -> Any:
        """Accept a job and hand it to the engine."""
        check_location("parent", parent)
        if job_id:
            self.check_id(job_id)
        for field in (*self.output_only, self.state_field, self.error_field):
            resource.ClearField(field)
        violations = Violations()
        check_display_name(resource.display_name, violations)
        check_labels(resource.labels, violations)
        self.check(resource, violations)
        violations.raise_if_any()
        with self.store.transaction():
            resource.name = f"{parent}/{self.collection}/{job_id or self.new_id(parent, resource)}"
            if self.store.get(resource.name) is not None:
                spoken = snake(self.noun).replace("_", " ").capitalize()
                message = f"{spoken} with the specified ID already exists."
                raise ServiceError(grpc.StatusCode.ALREADY_EXISTS, message)
            now = self.clock.now()
            resource.create_time.FromDatetime(now)
            self.complete(resource)
            self.begin(resource, now)
        self.start(self.find(resource.name))
        return resource

    def get(self, name: str) -> Any:
        """Give a job as it stands."""
        return self.load(self.find(name))

    def list(self, query: ListQuery) -> tuple[list[Any], str]:
        """Give a page of jobs and the token of the next page."""
        check_location("parent", query.parent)
        order = Order.parse(query.order_by, fields=self.order_fields)
        tree = masks.from_paths(list(query.read_mask), self.resource.DESCRIPTOR)
        size = clamp(query.page_size)
        tokens = PageTokens(self.noun, query.parent, query.filter, query.order_by)
        condition = Condition(sql="(kind = ? AND parent = ?)", parameters=(self.noun, query.parent))
        condition &= compile_filter(query.filter, self._known)
        if query.page_token:
            condition &= order.after(tokens.read(query.page_token))
        with self.store.transaction():
            records = self.store.find(condition, order=order.sql, limit=size + 1)
            page = [self.load(record) for record in records[:size]]
        for resource in page:
            for field in self.hidden_in_list:
                resource.ClearField(field)
            masks.prune(resource, tree)
        return page, tokens.write(order.key(records[size - 1])) if len(records) > size else ""

    def cancel(self, name: str) -> None:
        """Ask an active job to stop; asking again is no error."""
        record = self.find(name)
        if record.phase.is_final:
            raise self.refusal(record, "canceled")
        self.stop(record)

    def delete(self, name: str) -> Any:
        """Forget a job, and stop it where the service has no other way to."""
        with self.store.transaction():
            record = self.find(name)
            resource = self.load(record)
            active = not record.phase.is_final
            if active and not self.deletable_while_active:
                raise self.refusal(record, "deleted")
            self.store.remove(name)
        if active:
            self.engine.cancel(self.stored(record, resource))
        return resource

    def find(self, name: str) -> Record:
        """Find a job's record by its full resource name."""
        if not self._name.fullmatch(name):
            msg = f"Invalid resource name '{name}': must be projects/*/locations/*/{self.collection}/*."
            raise invalid(msg)
        record = self.store.get(name)
        if record is None:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, f'The {self.noun} "{name}" does not exist.')
        return record

    def load(self, record: Record) -> Any:
        """Read the resource of a record."""
        return self.resource.FromString(self.store.content(record.name))

    def as_json(self, resource: Any) -> dict[str, Any]:
        """Show a resource to a person."""
        shown: dict[str, Any] = MessageToDict(resource)
        return shown

    def name_behind(self, place: Mapping[str, str]) -> str:
        """Return the name of the job that a page of Google's console is about."""
        return f"projects/{place['project']}/locations/{place['region']}/{self.collection}/{place['job_id']}"

    def refusal(self, record: Record, deed: str) -> ServiceError:
        """Say that the state of a job forbids something."""
        message = f'The {self.noun} "{record.name}" is in state {record.state} and cannot be {deed}.'
        return ServiceError(grpc.StatusCode.FAILED_PRECONDITION, message)

    @property
    def _state_enum(self) -> Any:
        return self.resource.DESCRIPTOR.fields_by_name[self.state_field].enum_type

    def enter(self, resource: Any, phase: Phase, error: str | None, at: datetime) -> None:
        """Write a new phase into a resource."""
        setattr(resource, self.state_field, self._state_enum.values_by_name[self.states[phase]].number)
        times = {"start_time": phase in STARTED, "end_time": phase.is_final}
        for field, reached in times.items():
            if reached and field in resource.DESCRIPTOR.fields_by_name and not resource.HasField(field):
                getattr(resource, field).FromDatetime(at)
        if phase in {Phase.FAILED, Phase.CANCELLED}:
            code, message = grpc.StatusCode.CANCELLED, error or "CANCELED"
            if phase is Phase.FAILED:
                code, message = self.describe_failure(resource, error)
            status = getattr(resource, self.error_field)
            status.code, status.message = code.value[0], message

    def save(self, resource: Any, phase: Phase, at: datetime, earlier: Record | None) -> Record:
        """Keep a resource."""
        resource.update_time.FromDatetime(at)
        now = microseconds(at)
        record = Record(
            name=resource.name,
            kind=self.noun,
            parent=resource.name.rsplit("/", 2)[0],
            phase=phase,
            state=self.states[phase],
            display_name=resource.display_name,
            labels=dict(resource.labels),
            create_time=resource.create_time.ToMicroseconds(),
            start_time=(earlier.start_time if earlier else 0) or now * (phase in STARTED),
            end_time=now * phase.is_final,
            update_time=now,
            error=getattr(resource, self.error_field).message,
            extra=self.extra(resource),
        )
        self.store.save(record, resource.SerializeToString())
        return record
