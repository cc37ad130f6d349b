"""One real Airflow with the emulator beside it, for all end-to-end tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

import postgresql
from e2e.runs import finished
from stack import TRIGGERER_IS_SOON_MISSED, Stack

ROOT = Path(__file__).parents[2]

TOGETHER = "all_services"
EXAMPLES = (
    "vertex_ai_pipeline",
    "vertex_ai_custom_job",
    "vertex_ai_notebook",
    "ml_engine",
    "kubeflow_pipelines",
)
"""The DAG that runs these others, all under one run id."""


@pytest.fixture(scope="session")
def openlineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder to which OpenLineage's events are written, one a file."""
    return tmp_path_factory.mktemp("openlineage")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, openlineage: Path) -> Iterator[Stack]:
    """The example DAGs and this folder's, on an emulator that really runs the work."""
    dags = tmp_path_factory.mktemp("dags")
    for source in (ROOT / "example_dags", Path(__file__).parent / "dags"):
        shutil.copytree(source, dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    home = tmp_path_factory.mktemp("stack") / "home"
    # Two triggerers on SQLite wait for each other's locks, and end the scheduler on a slow day.
    programs = postgresql.find_programs()
    transport = {"type": "file", "log_file_path": str(openlineage / "event"), "debug_mode": True}
    settings = {
        **TRIGGERER_IS_SOON_MISSED,
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
    }
    with Stack(home=home, dags=dags, settings=settings, programs=programs).running() as stack:
        yield stack


@pytest.fixture(scope="session")
def ran(stack: Stack) -> Callable[[str], str]:
    """Runs a DAG to its end, once for all tests that read what it left, and returns the run's id."""
    # Who is scheduled on an asset must be known before its event.
    stack.airflow.wait_for_dag("check_new_model")
    run = cache(partial(finished, stack, within=250))
    return lambda dag_id: run(TOGETHER if dag_id in EXAMPLES else dag_id)
