"""The list filters of the services (https://google.aip.dev/160), turned into SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from airflow_mljobs.emulator.errors import ServiceError, invalid
from airflow_mljobs.emulator.store import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping


class FieldType(StrEnum):
    """How the values of a field compare."""

    STRING = "string"
    ENUM = "enum"
    TIME = "time"
    LABELS = "labels"
    WORD = "word"
    PATTERN = "pattern"


_EQUALITY = frozenset({"=", "!="})
_COMPARISONS: Mapping[FieldType, frozenset[str]] = {
    FieldType.STRING: _EQUALITY | {":"},
    FieldType.ENUM: _EQUALITY,
    FieldType.TIME: _EQUALITY | {"<", "<=", ">", ">="},
    FieldType.LABELS: _EQUALITY | {":"},
    FieldType.WORD: _EQUALITY,
    FieldType.PATTERN: _EQUALITY | {"=~"},
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field that a filter may name: where the store has it and which words it knows."""

    type: FieldType
    column: str
    words: frozenset[str] = field(default_factory=frozenset)


COMMON_FIELDS: Mapping[str, Field] = {
    "name": Field(type=FieldType.STRING, column="name"),
    "display_name": Field(type=FieldType.STRING, column="display_name"),
    "labels": Field(type=FieldType.LABELS, column="labels"),
    **{
        name: Field(type=FieldType.TIME, column=name)
        for name in ("create_time", "start_time", "end_time", "update_time")
    },
}


def text_field(name: str) -> Field:
    """Declare a filterable text that a collection keeps among its `extra`."""
    return Field(type=FieldType.STRING, column=f"json_extract(extra, '$.\"{name}\"')")


_TOKEN = re.compile(
    r"""\s*(?: (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
             | (?P<comparator><=|>=|!=|=~|=|<|>|:)
             | (?P<parenthesis>[()])
             | (?P<word>[^\s()"'=<>!:]+) )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"AND", "OR", "NOT"})
_CAMEL = re.compile(r"(?<=[a-z])([A-Z])")


def snake(name: str) -> str:
    """Write a field's name as the messages have it: both cases are accepted, as by the service."""
    return _CAMEL.sub(lambda found: "_" + found[1].lower(), name)


def compile_filter(text: str, known: Mapping[str, Field]) -> Condition:
    """Turn a filter into a condition on the stored jobs; an empty one holds for all."""
    if not text.strip():
        return Condition(sql="1")
    return _Parser(text, known).parse()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def value(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.text[1:-1]) if self.kind == "string" else self.text


_END = _Token("end", "end of filter")


class _Parser:
    """Recursive descent; OR binds tighter than AND, and AND may be left out."""

    def __init__(self, text: str, known: Mapping[str, Field]) -> None:
        self._text = text
        self._known = known
        self._tokens = self._tokenize()
        self._position = 0

    def parse(self) -> Condition:
        condition = self._expression()
        if self._next is not _END:
            raise self._error(f"unexpected '{self._next.text}'")
        return condition

    def _tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position, text = 0, self._text.rstrip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._error(f"cannot read '{text[position:].strip()}'")
            kind = found.lastgroup or ""
            token = found[kind]
            if kind == "word" and token in _KEYWORDS:
                kind = "keyword"
            if kind == "word" and token.startswith("-") and not (tokens and tokens[-1].kind == "comparator"):
                tokens.append(_Token("keyword", "NOT"))
                token = token[1:]
            if token:
                tokens.append(_Token(kind, token))
            position = found.end()
        return tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def _take(self, text: str) -> bool:
        taken = self._next.text == text and self._next.kind in {"keyword", "parenthesis"}
        self._position += taken
        return taken

    def _expression(self) -> Condition:
        condition = self._factor()
        while self._take("AND") or self._next.kind in {"word", "string"} or self._next.text in {"(", "NOT"}:
            condition &= self._factor()
        return condition

    def _factor(self) -> Condition:
        condition = self._term()
        while self._take("OR"):
            condition |= self._term()
        return condition

    def _term(self) -> Condition:
        if self._take("NOT"):
            return ~self._simple()
        return self._simple()

    def _simple(self) -> Condition:
        if not self._take("("):
            return self._restriction()
        condition = self._expression()
        if not self._take(")"):
            raise self._error("expected ')'")
        return condition

    def _restriction(self) -> Condition:
        name = self._operand("a field name")
        if name.endswith(".") and self._next.kind == "string":
            name += self._operand("a key")
        if self._next.kind != "comparator":
            raise self._error(f"expected a comparison after '{name}'")
        comparator = self._next.text
        self._position += 1
        return self._compare(name, comparator, self._operand("a value"))

    def _operand(self, what: str) -> str:
        token = self._next
        if token.kind not in {"word", "string"}:
            raise self._error(f"expected {what}, found '{token.text}'")
        self._position += 1
        return token.value

    def _compare(self, name: str, comparator: str, value: str) -> Condition:
        path, _, key = name.partition(".")
        known = self._known.get(snake(name)) or self._known.get(snake(path))
        if known is None or (
            bool(key) and snake(name) not in self._known and known.type is not FieldType.LABELS
        ):
            raise self._error(f"unknown field '{name}'")
        if comparator not in _COMPARISONS[known.type]:
            raise self._error(f"field '{name}' does not support '{comparator}'")
        match known.type:
            case FieldType.LABELS:
                return self._compare_label(known.column, key, comparator, value)
            case FieldType.TIME:
                return _compare_value(known.column, comparator, self._moment(name, value))
            case FieldType.ENUM if value not in known.words:
                raise self._error(f"'{value}' is not a value of field '{name}'")
            case FieldType.PATTERN if comparator == "=~":
                return self._match(known.column, value)
        return _compare_text(known.column, (), comparator, value)

    def _compare_label(self, column: str, key: str, comparator: str, value: str) -> Condition:
        if not key and comparator != ":":
            raise self._error(f"field 'labels' needs a key before '{comparator}'")
        path = f'$."{key or value}"'
        label = f"json_extract({column}, ?)"
        if not key or (comparator == ":" and value == "*"):
            return Condition(sql=f"({label} IS NOT NULL)", parameters=(path,))
        return _compare_text(label, (path,), comparator, value)

    def _match(self, column: str, pattern: str) -> Condition:
        try:
            re.compile(pattern)
        except re.error as error:
            raise self._error(f"'{pattern}' is not a regular expression: {error}") from error
        return Condition(sql=f"IFNULL({column} REGEXP ?, 0)", parameters=(pattern,))

    def _moment(self, name: str, value: str) -> int:
        moment = Timestamp()
        try:
            moment.FromJsonString(value)
        except ValueError as error:
            raise self._error(f"'{value}' of field '{name}' is not a time in RFC 3339 format") from error
        return moment.ToMicroseconds()

    def _error(self, reason: str) -> ServiceError:
        return invalid(f"Invalid filter '{self._text}': {reason}.")


def _compare_value(column: str, comparator: str, value: int) -> Condition:
    # A time that was never set is 0 and compares with nothing.
    return Condition(sql=f"({column} > 0 AND {column} {comparator} ?)", parameters=(value,))


def _compare_text(expression: str, parameters: tuple[str, ...], comparator: str, value: str) -> Condition:
    if "*" in value:
        # GLOB heeds case, as the service does; only its star is a wildcard to the service.
        test, value = "GLOB", re.sub(r"[\[?]", lambda found: f"[{found[0]}]", value)
    else:
        test = "="
    negation = "NOT " if comparator == "!=" else ""
    return Condition(sql=f"IFNULL({negation}({expression} {test} ?), 0)", parameters=(*parameters, value))
