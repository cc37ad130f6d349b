"""Links to the pages of Kubeflow Pipelines."""

from __future__ import annotations

from airflow_mljobs.links.base import ConsoleLink


class KFPRunLink(ConsoleLink):
    """A run."""

    name = "Kubeflow Pipelines run"


class KFPRunListLink(ConsoleLink):
    """The runs of a namespace."""

    name = "Kubeflow Pipelines runs"
