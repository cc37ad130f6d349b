"""The texts in `docs/errors.md`, and those in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import airflow_mljobs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "errors.md"
SOURCE = Path(airflow_mljobs.__file__).parent
TELLING = (
    "hooks/base.py",
    "hooks/listing.py",
    "hooks/outcome.py",
    "hooks/vertex_ai/experiments.py",
    "hooks/vertex_ai/pipeline_submission.py",
    "jobs/job.py",
    "jobs/polling.py",
    "jobs/telling.py",
    "operators/advice.py",
    "operators/base.py",
    "operators/bodies.py",
    "operators/kfp.py",
    "operators/kill.py",
    "operators/lineage.py",
    "operators/mlengine.py",
    "operators/small.py",
    "operators/submit.py",
    "operators/wait.py",
    "sensors/base.py",
    "triggers/base.py",
)
"""The modules whose sentences a user meets."""

REFUSERS = {"InvalidJobSpec", "NotImplementedError", "TimeoutError", "check_seconds"}
"""Calls whose rules stand beside the parameter that they hold, and not on the page."""

PLACE = re.compile(r"(?<!\{)\{[^{}]+\}(?!\})|%(?:s|d|\.0f)")
GAP = "…"


def texts_of_page() -> list[str]:
    """Return the first cell of each row."""
    return re.findall(r"^\| `(.+?)` \|", PAGE.read_text(), flags=re.MULTILINE)


def pattern_of(text: str) -> re.Pattern[str]:
    """Return what matches a text whatever stands in its places."""
    words = " ".join(PLACE.sub(GAP, text).split())
    return re.compile(re.escape(words).replace(re.escape(GAP), ".+?"))


def sentences(module: str) -> Iterator[str]:
    """Yield the sentences of a module, places in braces, that are no documentation."""
    tree = ast.parse((SOURCE / module).read_text())
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    yield from _sentences(tree, documented)


def _sentences(node: ast.AST, documented: set[int]) -> Iterator[str]:
    if id(node) in documented and isinstance(node, ast.Constant):
        return
    is_rule = isinstance(node, ast.Call) and getattr(node.func, "id", "") in REFUSERS
    if is_rule or isinstance(node, ast.Compare):
        return
    text = _text(node)
    if text is None:
        for child in ast.iter_child_nodes(node):
            yield from _sentences(child, documented)
    elif len(text.split()) > 2 and len(re.findall(r"[A-Za-z]{2,}", PLACE.sub(GAP, text))) > 1:
        yield " ".join(text.split())


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "{value}" for part in parts)
    return None
