"""What Airflow writes to its database and reads from there, by the names of whichever version runs this."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG
from airflow.serialization import serialized_objects
from airflow.serialization.serialized_objects import BaseSerialization

try:
    from airflow.sdk import serde
except ImportError:  # below 3.2
    from airflow.serialization import serde  # type: ignore[no-redef]

# Below 3.2 a DAG is read as it is written, by one class.
_dags = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG


def through_serde(values: dict[str, Any]) -> Any:
    """Write and read values as the worker and the triggerer do."""
    return serde.deserialize(json.loads(json.dumps(serde.serialize(values))))


def through_base_serialization(values: dict[str, Any]) -> Any:
    """Write and read values as Airflow does for triggers that a DAG file declares."""
    return BaseSerialization.deserialize(json.loads(json.dumps(BaseSerialization.serialize(values))))


def read_dag(dag: DAG) -> Any:
    """Write a DAG as its file's parser does, and read it as the scheduler does."""
    return _dags.from_dict(json.loads(json.dumps(_dags.to_dict(dag))))
