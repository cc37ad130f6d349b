"""What runs report of themselves, which only v1beta1 takes and shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_mljobs.emulator.services.kfp.run_list import METRIC_NAME
from airflow_mljobs.emulator.services.kfp.schema import message

_MAX_NODE_ID = 128

Metric = Mapping[str, Any]


def report(kept: list[Metric], news: Sequence[Metric]) -> list[dict[str, Any]]:
    """Keep the good ones among the news; of a metric of a node the first report counts."""
    results = []
    for metric in news:
        name, node = metric.get("name", ""), metric.get("node_id", "")
        status, words = "OK", ""
        if not METRIC_NAME.fullmatch(name):
            status, words = "INVALID_ARGUMENT", f"metric.name {name!r} must match {METRIC_NAME.pattern}"
        elif not 0 < len(node) <= _MAX_NODE_ID:
            status, words = "INVALID_ARGUMENT", f"metric.node_id must have 1 to {_MAX_NODE_ID} characters"
        elif any((item["name"], item["node_id"]) == (name, node) for item in kept):
            status, words = "DUPLICATE_REPORTING", f"metric {name} of node {node} was already reported"
        else:
            kept.append({"number_value": 0.0, **metric})
        results.append(message(metric_name=name, metric_node_id=node, status=status, message=words))
    return results
