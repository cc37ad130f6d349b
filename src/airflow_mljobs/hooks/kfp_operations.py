"""The calls that the hook makes, one row for each: what the clients and the servers call them.

https://www.kubeflow.org/docs/components/pipelines/reference/api/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_mljobs.hooks.kfp_connection import Generation


@dataclass(frozen=True, kw_only=True)
class Call:
    """An operation in one generation of the API.

    :param generation: where the path belongs.
    :param service: the client's class, without ``ServiceApi``.
    :param verb: of HTTP.
    :param method: of the client; newer ones put ``<service>_service_`` before it.
    :param path: below the generation, with its arguments in braces, in the client's order.
    """

    generation: Generation
    service: str
    verb: str
    method: str
    path: str

    @property
    def whole_path(self) -> str:
        """The path below the connection's host."""
        return f"/apis/{self.generation}{self.path}"

    @property
    def arguments(self) -> list[str]:
        """Names of the path's arguments."""
        return re.findall(r"{(\w+)}", self.path)


@dataclass(frozen=True, kw_only=True)
class Row:
    """An operation in both generations.

    :param verb: of HTTP.
    :param v1: path in v1beta1.
    :param v2: path in v2beta1; where there is none, its servers still answer in v1beta1.
    :param v1_method: of the client, where it is not the operation's name.
    :param service: the client's class, without ``ServiceApi``.
    """

    verb: str
    v1: str
    v2: str | None
    v1_method: str | None = None
    service: str = "Run"


_ARTIFACT = "/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read"
_EXPERIMENTS = "/experiments"

TABLE: Mapping[str, Row] = {
    "archive_run": Row(verb="POST", v1="/runs/{id}:archive", v2="/runs/{run_id}:archive"),
    "create_run": Row(verb="POST", v1="/runs", v2="/runs"),
    "delete_run": Row(verb="DELETE", v1="/runs/{id}", v2="/runs/{run_id}"),
    "get_run": Row(verb="GET", v1="/runs/{run_id}", v2="/runs/{run_id}"),
    "list_runs": Row(verb="GET", v1="/runs", v2="/runs"),
    "read_artifact": Row(verb="GET", v1=_ARTIFACT, v2=_ARTIFACT),
    "report_run_metrics": Row(verb="POST", v1="/runs/{run_id}:reportMetrics", v2=None),
    "retry_run": Row(verb="POST", v1="/runs/{run_id}/retry", v2="/runs/{run_id}:retry"),
    "terminate_run": Row(verb="POST", v1="/runs/{run_id}/terminate", v2="/runs/{run_id}:terminate"),
    "unarchive_run": Row(verb="POST", v1="/runs/{id}:unarchive", v2="/runs/{run_id}:unarchive"),
    "create_experiment": Row(verb="POST", v1=_EXPERIMENTS, v2=_EXPERIMENTS, service="Experiment"),
    "get_experiment": Row(
        verb="GET", v1="/experiments/{id}", v2="/experiments/{experiment_id}", service="Experiment"
    ),
    "list_experiments": Row(
        verb="GET", v1=_EXPERIMENTS, v2=_EXPERIMENTS, v1_method="list_experiment", service="Experiment"
    ),
    "list_pipelines": Row(verb="GET", v1="/pipelines", v2="/pipelines", service="Pipeline"),
    "list_pipeline_versions": Row(
        verb="GET", v1="/pipeline_versions", v2="/pipelines/{pipeline_id}/versions", service="Pipeline"
    ),
    "get_healthz": Row(verb="GET", v1="/healthz", v2="/healthz", service="Healthz"),
}

RUN_OPERATIONS = tuple(name for name, row in TABLE.items() if row.service == "Run")
"""The ten that the service documents for runs."""


def call_for(operation: str, generation: Generation) -> Call:
    """Return how an operation is called in a generation.

    :param operation: a row's name.
    :param generation: of the API.
    """
    row = TABLE[operation]
    if generation == "v2beta1" and row.v2:
        return Call(generation="v2beta1", service=row.service, verb=row.verb, method=operation, path=row.v2)
    return Call(
        generation="v1beta1",
        service=row.service,
        verb=row.verb,
        method=row.v1_method or operation,
        path=row.v1,
    )
