"""What the server keeps beside its runs: experiments, pipelines and their versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import grpc

from airflow_mljobs.emulator.clock import microseconds
from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.services.kfp.filters import Column
from airflow_mljobs.emulator.services.kfp.times import SECOND
from airflow_mljobs.emulator.store import Condition

if TYPE_CHECKING:
    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.store import Store

_COLUMNS = "id, name, parent, created, content, seq"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A thing with an id and a name that is unique within its parent."""

    id: str
    name: str
    parent: str
    created: int
    content: Mapping[str, Any]
    seq: int = 0


class Documents:
    """The documents of one kind.

    :param noun: names the kind, in the store and in errors.
    """

    def __init__(self, store: Store, clock: Clock, noun: str) -> None:
        self._store = store
        self._clock = clock
        self.noun = noun

    def create(self, *, name: str, parent: str, content: Mapping[str, Any]) -> Document:
        """Keep a new document."""
        with self._store.transaction():
            if self.named(name, parent) is not None:
                msg = (
                    f"Failed to create a new {self.noun.lower()}: Already exist error: The name {name} "
                    "already exists. Please specify a new name"
                )
                raise ServiceError(grpc.StatusCode.ALREADY_EXISTS, msg)
            document = Document(
                id=str(uuid4()),
                name=name,
                parent=parent,
                created=microseconds(self._clock.now()),
                content=content,
            )
            self._write(document)
        return document

    def change(self, document: Document, **news: Any) -> None:
        """Write over parts of a document's content."""
        self._write(replace(document, content={**document.content, **news}))

    def get(self, document_id: str) -> Document:
        """Find a document, which must be there."""
        found = self.find(Condition(sql="id = ?", parameters=(document_id,)))
        if not found:
            raise self.missing(document_id)
        return found[0]

    def named(self, name: str, parent: str) -> Document | None:
        """Find a document by its name."""
        found = self.find(Condition(sql="(name = ? AND parent = ?)", parameters=(name, parent)))
        return found[0] if found else None

    def find(self, condition: Condition, *, order: str = "seq", limit: int = -1) -> list[Document]:
        """Find documents."""
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM documents WHERE kind = ? AND {condition.sql} ORDER BY {order} LIMIT ?",
            (self.noun, *condition.parameters, limit),
        )
        return [_document(row) for row in rows]

    def count(self, condition: Condition) -> int:
        """Count documents."""
        rows = self._store.rows(
            f"SELECT COUNT(*) FROM documents WHERE kind = ? AND {condition.sql}",
            (self.noun, *condition.parameters),
        )
        return int(rows[0][0])

    def remove(self, document: Document) -> None:
        """Forget a document."""
        self._store.rows("DELETE FROM documents WHERE kind = ? AND id = ?", (self.noun, document.id))

    def missing(self, what: str) -> ServiceError:
        """Say that there is no such document."""
        message = f"Failed to get {self.noun.lower()}: ResourceNotFoundError: {self.noun} {what} not found."
        return ServiceError(grpc.StatusCode.NOT_FOUND, message)

    def _write(self, document: Document) -> None:
        self._store.rows(
            "INSERT INTO documents (kind, id, name, parent, created, content) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, id) DO UPDATE SET content = excluded.content",
            (
                self.noun,
                document.id,
                document.name,
                document.parent,
                document.created,
                json.dumps(document.content),
            ),
        )


def _document(row: tuple[Any, ...]) -> Document:
    document_id, name, parent, created, content, seq = row
    return Document(
        id=document_id, name=name, parent=parent, created=created, content=json.loads(content), seq=seq
    )


def columns(*id_names: str, content: tuple[str, ...] = ("description",)) -> dict[str, Column]:
    """Declare what a list of documents can be filtered and sorted by."""
    identity = Column(sql="id", read=lambda item: str(item.id))
    name = Column(sql="name", read=lambda item: str(item.name))
    return {
        **dict.fromkeys(id_names, identity),
        "name": name,
        "display_name": name,
        "namespace": Column(sql="parent", read=lambda item: str(item.parent)),
        "created_at": Column(
            sql=f"(created / {SECOND})", read=lambda item: int(item.created // SECOND), is_time=True
        ),
        **{key: _inside(key) for key in content},
    }


def _inside(key: str) -> Column:
    return Column(
        sql=f"coalesce(json_extract(content, '$.{key}'), '')",
        read=lambda item: str(item.content.get(key, "")),
    )
