"""The example DAGs, as whoever copies one finds them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from dag_files import parsed

from pages import ROOT

EXAMPLES = sorted((ROOT / "example_dags").glob("*.py"))
OWN_PLACE = re.compile(r"\bon\s+your\s+own\s+(project|server)", re.IGNORECASE)
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def strings(path: Path) -> set[str]:
    """Return the strings of a Python file."""
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_dag_file(path: Path, emulator: object) -> None:
    """An example is one DAG, named as its file; Airflow parses it in silence, and it says how to use it."""
    (dag,) = parsed(path)

    assert dag.dag_id == path.stem
    assert dag.doc_md
    assert OWN_PLACE.search(dag.doc_md)


def test_every_example_is_run() -> None:
    """The end-to-end tests name each example, so that a new one is not forgotten."""
    named = set().union(*map(strings, (ROOT / "tests" / "e2e").glob("*.py")))

    assert {path.stem for path in EXAMPLES} <= named


def test_every_example_is_shown() -> None:
    """A page names each example."""
    pages = "".join(page.read_text() for page in PAGES)

    assert [path.name for path in EXAMPLES if path.name not in pages] == []
