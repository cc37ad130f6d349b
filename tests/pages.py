"""The pages of the documentation, and what is in them: code blocks, links and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
PAGES = (
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts),
)
SHOWN_ONLY = "text"
"""The language of what a program prints."""

_markdown = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A code block.

    :param page: the file it stands in.
    :param line: of its first fence.
    :param language: what stands behind the fence.
    :param code: what is between the fences.
    """

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def tokens(page: Path) -> list[Token]:
    """Read a page."""
    return _markdown.parse(page.read_text())


def blocks(page: Path) -> Iterator[Block]:
    """Yield the code blocks of a page, without Sphinx's directives, which the build runs."""
    for token in tokens(page):
        language = token.info.strip()
        if token.type not in {"fence", "code_block"} or language.startswith("{") or token.map is None:
            continue
        yield Block(
            page=page,
            line=token.map[0] + 1,
            language=language,
            code=token.content,
        )


def links(page: Path) -> Iterator[str]:
    """Yield where the links and images of a page lead."""
    for token in tokens(page):
        for child in token.children or ():
            if target := child.attrGet("href") or child.attrGet("src"):
                yield str(target)


def tables(page: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the tables of a page, each with the heading that it stands under, and its rows of text."""
    heading = ""
    rows: list[list[str]] = []
    for before, token in pairwise([Token("nothing", "", 0), *tokens(page)]):
        match before.type:
            case "heading_open":
                heading = token.content
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "th_open" | "td_open":
                rows[-1].append(token.content)
            case "table_close":
                yield heading, rows
