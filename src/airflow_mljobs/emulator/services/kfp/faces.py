"""What a generation of the API has to say differently, which its module does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_mljobs.emulator.http import Ask, Handle
    from airflow_mljobs.emulator.services.kfp.documents import Document
    from airflow_mljobs.emulator.services.kfp.drafts import Draft
    from airflow_mljobs.emulator.services.kfp.server import Release

Table = list[tuple[str, str, str, "Handle"]]
"""Verb, path below the API's, name of the method, and what answers it."""


class Face(Protocol):
    """The messages of one generation."""

    @property
    def API(self) -> str:
        """Its name."""

    def read_draft(self, body: Any, release: Release, /) -> Draft:
        """Read a run to be created."""

    def show_run(self, run: dict[str, Any], release: Release, /) -> dict[str, Any]:
        """Write a run as a list has it."""

    def show_detail(self, run: dict[str, Any], release: Release, /) -> dict[str, Any]:
        """Write a run that was asked for by its id."""

    def read_experiment(self, body: Any, /) -> Mapping[str, str]:
        """Read an experiment to be created: its name, description and namespace."""

    def show_experiment(self, experiment: Document, /) -> dict[str, Any]:
        """Write an experiment."""

    def show_pipeline(self, pipeline: Document, /) -> dict[str, Any]:
        """Write a pipeline."""

    def show_version(self, version: Document, /) -> dict[str, Any]:
        """Write a version of a pipeline."""

    def scope(self, ask: Ask, /) -> tuple[str, str]:
        """Tell the experiment and the namespace that a list is confined to."""
