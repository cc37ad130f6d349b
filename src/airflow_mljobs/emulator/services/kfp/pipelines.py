"""Pipelines that the server keeps, and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.services.kfp import documents, templates
from airflow_mljobs.emulator.services.kfp.documents import Document, Documents
from airflow_mljobs.emulator.services.kfp.listing import Page, answer
from airflow_mljobs.emulator.store import Condition

if TYPE_CHECKING:
    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.server import KfpServer
    from airflow_mljobs.emulator.store import Store

_PIPELINES = documents.columns("id", "pipeline_id")
_VERSIONS = documents.columns("id", "pipeline_version_id")
_NOUN = "pipelines"


class Pipelines:
    """Keeps what was uploaded; a pipeline without a namespace is everybody's."""

    def __init__(self, *, store: Store, clock: Clock, server: KfpServer) -> None:
        self._shelf = Documents(store, clock, "Pipeline")
        self._versions = Documents(store, clock, "PipelineVersion")
        self._store = store
        self._server = server

    def create(self, ask: Ask, *, name: str, display_name: str, description: str, namespace: str) -> Document:
        """Create a pipeline that has no version yet."""
        if not name:
            msg = "Failed to create a pipeline: Invalid input error: pipeline's name cannot be empty"
            raise invalid(msg)
        space = namespace if self._server.settings.multi_user else ""
        self._authorize(ask, space, "create")
        content = {"description": description, "display_name": display_name or name}
        return self._shelf.create(name=name, parent=space, content=content)

    def upload(self, ask: Ask) -> Document:
        """Create a pipeline, and its first version of the same name, from a file."""
        template, query = self._uploaded(ask), ask.query
        name = query.get("name") or query.get("display_name") or pipeline_name(template)
        with self._store.transaction():
            pipeline = self.create(
                ask,
                name=name,
                display_name=query.get("display_name", ""),
                description=query.get("description", ""),
                namespace=query.get("namespace", ""),
            )
            self._add(pipeline, name, query, template)
        return pipeline

    def upload_version(self, ask: Ask) -> Document:
        """Add a version from a file."""
        pipeline = self.get(ask, ask.query.get("pipelineid", ""), "update")
        name = ask.query.get("name") or ask.query.get("display_name", "")
        if not name:
            msg = "Failed to create a pipeline version: Invalid input error: its name cannot be empty"
            raise invalid(msg)
        return self._add(pipeline, name, ask.query, self._uploaded(ask))

    def get(self, ask: Ask, pipeline_id: str, verb: str = "get") -> Document:
        """Find a pipeline for a user."""
        pipeline = self._shelf.get(pipeline_id)
        self._authorize(ask, pipeline.parent, verb)
        return pipeline

    def named(self, ask: Ask, name: str, namespace: str) -> Document:
        """Find a pipeline by its name."""
        space = namespace if self._server.settings.multi_user else ""
        self._authorize(ask, space, "get")
        pipeline = self._shelf.named(name, space)
        if pipeline is None:
            raise self._shelf.missing(name)
        return pipeline

    def list(self, ask: Ask, api: str, namespace: str) -> Page[Document]:
        """Give a page of pipelines."""
        space = namespace if self._server.settings.multi_user else ""
        self._authorize(ask, space, "list")
        within = Condition(sql="(parent = ?)", parameters=(space,))
        return answer(self._shelf, ask, api=api, within=within, columns=_PIPELINES)

    def delete(self, ask: Ask, pipeline_id: str) -> None:
        """Forget a pipeline and its versions."""
        pipeline = self.get(ask, pipeline_id, "delete")
        with self._store.transaction():
            for version in self._versions.find(_of(pipeline.id)):
                self._versions.remove(version)
            self._shelf.remove(pipeline)

    def version(self, ask: Ask, version_id: str, verb: str = "get") -> Document:
        """Find a version for a user."""
        version = self._versions.get(version_id)
        self.get(ask, version.parent, verb)
        return version

    def newest(self, ask: Ask, pipeline_id: str) -> Document:
        """Find the version that stands for its pipeline."""
        self.get(ask, pipeline_id)
        found = self._versions.find(_of(pipeline_id), order="seq DESC", limit=1)
        if not found:
            raise self._versions.missing(f"of pipeline {pipeline_id}")
        return found[0]

    def list_versions(self, ask: Ask, api: str, pipeline_id: str) -> Page[Document]:
        """Give a page of a pipeline's versions."""
        self.get(ask, pipeline_id, "list")
        return answer(self._versions, ask, api=api, within=_of(pipeline_id), columns=_VERSIONS)

    def delete_version(self, ask: Ask, version_id: str) -> None:
        """Forget a version."""
        self._versions.remove(self.version(ask, version_id, "delete"))

    def _add(self, pipeline: Document, name: str, query: Any, template: templates.Template) -> Document:
        content = {
            "description": query.get("description", ""),
            "display_name": query.get("display_name") or name,
            "template": template,
        }
        return self._versions.create(name=name, parent=pipeline.id, content=content)

    def _authorize(self, ask: Ask, namespace: str, verb: str) -> None:
        if namespace:
            self._server.authorize(ask, namespace, verb, _NOUN)

    @staticmethod
    def _uploaded(ask: Ask) -> templates.Template:
        try:
            template = templates.parse(templates.uploaded(ask.headers.get("content-type", ""), ask.body))
        except ValueError as error:
            msg = f"Failed to upload a pipeline: Invalid input error: {error}"
            raise invalid(msg) from error
        if not (templates.is_ir(template) or templates.is_argo(template)):
            msg = "Failed to upload a pipeline: Invalid input error: unknown template format"
            raise invalid(msg)
        return template


def pipeline_name(template: templates.Template) -> str:
    """Return the name that a pipeline's author chose."""
    spec = templates.spec_of(template)
    metadata = template.get("metadata", {})
    return str(
        spec.get("pipelineInfo", {}).get("name") or metadata.get("name") or metadata.get("generateName", "")
    )


def _of(pipeline_id: str) -> Condition:
    return Condition(sql="(parent = ?)", parameters=(pipeline_id,))
