"""The lists of runs, in the words of both generations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_mljobs.emulator.services.kfp.experiments import confined
from airflow_mljobs.emulator.services.kfp.filters import Column
from airflow_mljobs.emulator.services.kfp.listing import Columns, Page, answer
from airflow_mljobs.emulator.services.kfp.times import SECOND
from airflow_mljobs.emulator.store import Condition, Record

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.experiments import Experiments
    from airflow_mljobs.emulator.services.kfp.server import KfpServer
    from airflow_mljobs.emulator.store import Store

METRIC_NAME = re.compile(r"[a-zA-Z](?:[-_a-zA-Z0-9]{0,62}[a-zA-Z0-9])?")
_METRIC_PREFIX = "metric:"
_RUNS = Condition(sql="(kind = 'KFPRun')")
# Below every number, so that runs without the metric come first.
_NO_METRIC = -1e308


def _text(name: str, key: str) -> Column:
    return Column(sql=name, read=lambda record: str(getattr(record, key)))


def _extra(key: str) -> Column:
    return Column(sql=f"json_extract(extra, '$.\"{key}\"')", read=lambda record: str(record.extra[key]))


def _time(key: str) -> Column:
    return Column(
        sql=f"({key} / {SECOND})", read=lambda record: int(getattr(record, key) // SECOND), is_time=True
    )


_OLD: Columns = {
    "id": _text("name", "name"),
    "name": _text("display_name", "display_name"),
    "created_at": _time("create_time"),
    "scheduled_at": _time("create_time"),
    **{key: _extra(key) for key in ("description", "storage_state", "status")},
}
_NEW: Columns = {
    **_OLD,
    "run_id": _OLD["id"],
    "display_name": _OLD["name"],
    "finished_at": _time("end_time"),
    "state": _text("state", "state"),
    "namespace": _text("parent", "parent"),
    "experiment_id": _extra("experiment_id"),
    "recurring_run_id": Column(sql="''", read=lambda record: ""),
}


def of_experiment(experiment_id: str) -> Condition:
    """Hold for the runs of an experiment."""
    of_it = Condition(sql=f"({_NEW['experiment_id'].sql} = ?)", parameters=(experiment_id,))
    return _RUNS & of_it


def list_runs(
    ask: Ask,
    *,
    api: str,
    scope: tuple[str, str],
    store: Store,
    server: KfpServer,
    experiments: Experiments,
) -> Page[Record]:
    """Give a page of the runs of an experiment or a namespace."""
    experiment_id, namespace = scope
    within = of_experiment(experiment_id) if experiment_id else _RUNS
    if experiment_id and server.settings.multi_user:
        namespace = experiments.namespace_of(experiment_id)
    space = confined(ask, server, namespace, "runs")
    within &= Condition(sql="(parent = ?)", parameters=(space,))
    columns = _NEW if server.release.has_v2 else _OLD
    return answer(store, ask, api=api, within=within, columns=columns, special=_metric)


def metric_key(name: str) -> str:
    """Name the column of a metric; the server reads what to sort by in lower case."""
    return f"{_METRIC_PREFIX}{name.lower()}"


def _metric(key: str) -> Column | None:
    if not key.startswith(_METRIC_PREFIX) or not METRIC_NAME.fullmatch(key.removeprefix(_METRIC_PREFIX)):
        return None
    return Column(
        sql=f"coalesce(CAST(json_extract(extra, '$.\"{key}\"') AS REAL), {_NO_METRIC})",
        read=lambda record: float(record.extra.get(key, _NO_METRIC)),
    )
