"""The server's pages: their size, their order, and tokens that remember the question."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.paging import Order
from airflow_mljobs.emulator.services.kfp.filters import Column, compile_filter
from airflow_mljobs.emulator.services.kfp.schema import message

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.store import Condition

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 200
_SORT = re.compile(r"(?P<key>\S+)(?:\s+(?P<direction>asc|desc))?")

Item = TypeVar("Item")
Columns = Mapping[str, Column]


class Shelf(Protocol[Item]):
    """What a list is taken from."""

    def find(self, condition: Condition, *, order: str = ..., limit: int = ...) -> list[Item]:
        """Find items."""

    def count(self, condition: Condition) -> int:
        """Count items."""


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Item]):
    """A part of a list, and how to go on."""

    items: Sequence[Item]
    total_size: int
    next_page_token: str

    def show(self, noun: str, items: Sequence[Any]) -> dict[str, Any]:
        """Write the answer, its items being those of the page as the API shows them."""
        fields = {noun: items, "total_size": self.total_size, "next_page_token": self.next_page_token}
        return message(**fields)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a list is asked, as its page tokens remember it."""

    filter: str
    sort_by: str
    after: tuple[str | float, ...] = ()

    @classmethod
    def read(cls, ask: Ask) -> Question:
        """Read the query; what a token says need not be repeated, and may not be contradicted."""
        given = cls(filter=ask.query.get("filter", ""), sort_by=ask.query.get("sort_by", "").lower().strip())
        token = ask.query.get("page_token", "")
        if not token:
            return given
        try:
            wanted, sort_by, after = json.loads(base64.urlsafe_b64decode(token))
        except (TypeError, ValueError) as error:
            msg = "Invalid input error: Invalid package token"
            raise invalid(msg) from error
        held = cls(filter=wanted, sort_by=sort_by, after=tuple(after))
        if given.filter not in {"", held.filter} or given.sort_by not in {"", held.sort_by}:
            msg = "Invalid input error: page token does not match the sort by or the filter supplied with it"
            raise invalid(msg)
        return held

    def token(self, after: Sequence[str | float]) -> str:
        """Make the token of the page after this place."""
        text = json.dumps([self.filter, self.sort_by, list(after)])
        return base64.urlsafe_b64encode(text.encode()).decode()


def page_size(ask: Ask) -> int:
    """Settle how many items a page has; too many are no error, fewer than none are."""
    text = ask.query.get("page_size", "0")
    try:
        size = int(text or 0)
    except ValueError as error:
        msg = f"type mismatch, parameter: page_size, error: {text!r} is no integer"
        raise invalid(msg) from error
    if size < 0:
        msg = f"Invalid input error: The page size should be greater than 0. Got {text}"
        raise invalid(msg)
    return min(size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)


def answer(
    shelf: Shelf[Item],
    ask: Ask,
    *,
    api: str,
    within: Condition,
    columns: Columns,
    special: Callable[[str], Column | None] = lambda key: None,
) -> Page[Item]:
    """Give a page of a list.

    :param within: what the list is confined to, beside the filter.
    :param columns: what it can be filtered and sorted by.
    :param special: finds columns by which it can be sorted only.
    """
    size, question = page_size(ask), Question.read(ask)
    condition = within & compile_filter(question.filter, api, columns)
    found = _SORT.fullmatch(question.sort_by or "created_at asc")
    column = found and (columns.get(found["key"]) or special(found["key"]))
    if not found or not column:
        msg = f"Invalid input error: Invalid sorting field: {question.sort_by!r}"
        raise invalid(msg)
    order = Order(terms=((column.sql, found["direction"] == "desc"),))
    rest = condition & order.after(list(question.after)) if question.after else condition
    items = shelf.find(rest, order=order.sql, limit=size + 1)
    last: Any = items[size - 1] if len(items) > size else None
    return Page(
        items=items[:size],
        total_size=shelf.count(condition),
        next_page_token="" if last is None else question.token((column.read(last), last.seq)),
    )
