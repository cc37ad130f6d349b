"""Parses DAG files as Airflow does, without its database."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # where Airflow 3.1 has it
    from airflow.models.dagbag import DagBag


def parsed(path: Path) -> list[DAG]:
    """Return the DAGs of a file, which Airflow has nothing to say about."""
    bag = DagBag(path)
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert bag.dags
    return list(bag.dags.values())
