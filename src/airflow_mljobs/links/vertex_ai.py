"""Links to Vertex AI's console."""

from __future__ import annotations

from airflow_mljobs.links.base import ConsoleLink


class PipelineJobLink(ConsoleLink):
    """The run of a pipeline."""

    name = "Vertex AI pipeline job"


class PipelineJobListLink(ConsoleLink):
    """The runs of a project."""

    name = "Vertex AI pipeline jobs"


class CustomJobLink(ConsoleLink):
    """A custom job."""

    name = "Vertex AI custom job"


class CustomJobListLink(ConsoleLink):
    """The custom jobs of a project."""

    name = "Vertex AI custom jobs"


class NotebookExecutionJobLink(ConsoleLink):
    """Colab Enterprise's executions, the one in question among them: it has no documented page of its own."""

    name = "Vertex AI notebook execution job"


class NotebookExecutionJobListLink(ConsoleLink):
    """The notebook execution jobs of a project."""

    name = "Vertex AI notebook execution jobs"
