"""Pages of a list: their size, their order, and the token that leads to the next one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.filters import snake
from airflow_mljobs.emulator.store import Condition, Record

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
ORDER_FIELDS = ("create_time", "start_time", "end_time", "update_time", "display_name")

Key = list[str | float]


@dataclass(frozen=True, kw_only=True)
class ListQuery:
    """The question that a list answers."""

    parent: str
    filter: str = ""
    order_by: str = ""
    page_size: int = 0
    page_token: str = ""
    read_mask: tuple[str, ...] = ()


def clamp(page_size: int, *, default: int = DEFAULT_PAGE_SIZE, most: int = MAX_PAGE_SIZE) -> int:
    """Settle the number of jobs on a page; asking for too many is no error, for fewer than none it is."""
    if page_size < 0:
        msg = f"Invalid page_size {page_size}: must not be negative."
        raise invalid(msg)
    return min(page_size or default, most)


@dataclass(frozen=True)
class Order:
    """Columns and whether each descends; the order of creation decides between equals."""

    terms: tuple[tuple[str, bool], ...] = (("create_time", True),)

    @classmethod
    def parse(cls, text: str, *, fields: Sequence[str] = ORDER_FIELDS) -> Order:
        """Read an `order_by` of these fields; an empty one means the newest first."""
        if not text.strip():
            return cls()
        return cls(tuple(_term(part, fields) for part in text.split(",")))

    @property
    def _complete(self) -> tuple[tuple[str, bool], ...]:
        return (*self.terms, ("seq", self.terms[-1][1]))

    @property
    def sql(self) -> str:
        """The clause that sorts by it."""
        return ", ".join(f"{column} {'DESC' if descends else 'ASC'}" for column, descends in self._complete)

    def key(self, record: Record) -> Key:
        """Tell where a record stands in this order."""
        return [getattr(record, column) for column, _ in self._complete]

    def after(self, key: Key) -> Condition:
        """Hold for what follows a place: no page repeats or skips a job when others come and go meanwhile."""
        condition = Condition(sql="0")
        for (column, descends), value in reversed(list(zip(self._complete, key, strict=True))):
            beyond = Condition(sql=f"{column} {'<' if descends else '>'} ?", parameters=(value,))
            condition = beyond | (Condition(sql=f"{column} = ?", parameters=(value,)) & condition)
        return condition


def _term(text: str, fields: Sequence[str]) -> tuple[str, bool]:
    name, *direction = text.split() or [""]
    column = snake(name)
    if column not in fields or [word.lower() for word in direction] not in ([], ["asc"], ["desc"]):
        msg = (
            f"Invalid order_by '{text.strip()}': "
            f"must be one of {', '.join(fields)}, optionally followed by desc."
        )
        raise invalid(msg)
    return column, [word.lower() for word in direction] == ["desc"]


class PageTokens:
    """Writes and reads page tokens, each good only for the question that it continues."""

    def __init__(self, *question: str) -> None:
        self._digest = hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]

    def write(self, key: Key) -> str:
        """Make the token of the page after this place."""
        return base64.urlsafe_b64encode(json.dumps([self._digest, key]).encode()).decode()

    def read(self, token: str) -> Key:
        """Find the place again; a token of another filter, order or parent is refused."""
        try:
            digest, key = json.loads(base64.urlsafe_b64decode(token))
        except (binascii.Error, ValueError, TypeError) as error:
            msg = "Invalid page_token."
            raise invalid(msg) from error
        if digest != self._digest:
            msg = "Invalid page_token: it was issued for another parent, filter or order_by."
            raise invalid(msg)
        return list(key)
