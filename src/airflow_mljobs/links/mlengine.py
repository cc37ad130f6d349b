"""Links to AI Platform's console."""

from __future__ import annotations

from airflow_mljobs.links.base import ConsoleLink


class MLEngineJobLink(ConsoleLink):
    """A training or batch prediction job."""

    name = "AI Platform job"


class MLEngineJobListLink(ConsoleLink):
    """The jobs of a project."""

    name = "AI Platform jobs"
