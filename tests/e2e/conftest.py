"""One real Airflow with the emulator beside it, for all end-to-end tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
"""A triggerer that is gone is given up sooner than by default."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The example DAGs and this folder's, on an emulator that really runs the work."""
    dags = tmp_path_factory.mktemp("dags")
    for source in (ROOT / "example_dags", Path(__file__).parent / "dags"):
        shutil.copytree(source, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    home = tmp_path_factory.mktemp("stack") / "home"
    with Stack(home=home, dags=dags, settings=SETTINGS).running() as stack:
        yield stack
