"""One real Airflow with the emulator beside it, for all end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgresql
from stack import TRIGGERER_IS_SOON_MISSED, Stack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The example DAGs and this folder's, on an emulator that really runs the work."""
    dags = tmp_path_factory.mktemp("dags")
    for source in (ROOT / "example_dags", Path(__file__).parent / "dags"):
        shutil.copytree(source, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    home = tmp_path_factory.mktemp("stack") / "home"
    # Two triggerers on SQLite wait for each other's locks, and end the scheduler on a slow day.
    programs = postgresql.find_programs()
    settings = {**TRIGGERER_IS_SOON_MISSED, "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    with Stack(home=home, dags=dags, settings=settings, programs=programs).running() as stack:
        yield stack
