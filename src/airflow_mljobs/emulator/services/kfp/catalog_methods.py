"""The methods of the health, experiment and pipeline services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.services.kfp import v1, v2
from airflow_mljobs.emulator.services.kfp.schema import message

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.faces import Face, Table
    from airflow_mljobs.emulator.services.kfp.runs import KfpRuns

_COMMIT = "0" * 40
_ONE_EXPERIMENT = "/experiments/{experiment_id}"
_ONE_PIPELINE = "/pipelines/{pipeline_id}"


class HealthMethods:
    """Tells which server this is; no release tells more to one generation than to the other."""

    def __init__(self, runs: KfpRuns, face: Face) -> None:
        self._server = runs.server

    def table(self) -> Table:
        """Declare the methods."""
        return [("GET", "/healthz", "GetHealthz", self._get)]

    def _get(self, ask: Ask) -> Any:
        return message(
            commit_sha=_COMMIT,
            tag_name=self._server.release.tag_name,
            multi_user=self._server.settings.multi_user,
        )


class ExperimentMethods:
    """Answers in the words of one generation."""

    def __init__(self, runs: KfpRuns, face: Face) -> None:
        self._runs = runs
        self._experiments = runs.experiments
        self._face = face

    def table(self) -> Table:
        """Declare the methods."""
        return [
            ("POST", "/experiments", "CreateExperiment", self._create),
            ("GET", "/experiments", "ListExperiments", self._list),
            ("GET", _ONE_EXPERIMENT, "GetExperiment", self._get),
            ("DELETE", _ONE_EXPERIMENT, "DeleteExperiment", self._delete),
            ("POST", f"{_ONE_EXPERIMENT}:archive", "ArchiveExperiment", self._archive),
            ("POST", f"{_ONE_EXPERIMENT}:unarchive", "UnarchiveExperiment", self._unarchive),
        ]

    def _create(self, ask: Ask) -> Any:
        wanted = self._face.read_experiment(ask.json())
        return self._face.show_experiment(self._experiments.create(ask, **wanted))

    def _list(self, ask: Ask) -> Any:
        page = self._experiments.list(ask, self._face.API, self._face.scope(ask)[1])
        return page.show("experiments", [self._face.show_experiment(item) for item in page.items])

    def _get(self, ask: Ask) -> Any:
        return self._face.show_experiment(self._experiments.get(ask, ask.path["experiment_id"]))

    def _delete(self, ask: Ask) -> Any:
        self._experiments.delete(ask, ask.path["experiment_id"])
        return {}

    def _archive(self, ask: Ask) -> Any:
        self._runs.archive_experiment(ask, ask.path["experiment_id"])
        return {}

    def _unarchive(self, ask: Ask) -> Any:
        self._experiments.unarchive(ask, ask.path["experiment_id"])
        return {}


class PipelineMethods:
    """Answers in the words of one generation."""

    def __init__(self, runs: KfpRuns, face: Face) -> None:
        self._pipelines = runs.pipelines
        self._face = face

    def table(self) -> Table:
        """Declare the methods."""
        is_v1 = self._face.API == v1.API
        by_name = "/namespaces/{namespace}/pipelines/{name}" if is_v1 else "/pipelines/names/{name}"
        versions = "/pipeline_versions" if is_v1 else f"{_ONE_PIPELINE}/versions"
        created = [] if is_v1 else [("POST", "/pipelines", "CreatePipeline", self._create)]
        return [
            ("POST", "/pipelines/upload", "UploadPipeline", self._upload),
            ("POST", "/pipelines/upload_version", "UploadPipelineVersion", self._upload_version),
            ("POST", "/pipelines/create", "CreatePipelineAndVersion", self._download),
            *created,
            ("GET", "/pipelines", "ListPipelines", self._list),
            ("GET", by_name, "GetPipelineByName", self._get_by_name),
            ("GET", _ONE_PIPELINE, "GetPipeline", self._get),
            ("DELETE", _ONE_PIPELINE, "DeletePipeline", self._delete),
            ("POST", versions, "CreatePipelineVersion", self._download),
            ("GET", versions, "ListPipelineVersions", self._list_versions),
            ("GET", f"{versions}/{{version_id}}", "GetPipelineVersion", self._get_version),
            ("DELETE", f"{versions}/{{version_id}}", "DeletePipelineVersion", self._delete_version),
        ]

    def _create(self, ask: Ask) -> Any:
        return self._face.show_pipeline(self._pipelines.create(ask, **v2.read_pipeline(ask.json())))

    def _upload(self, ask: Ask) -> Any:
        return self._face.show_pipeline(self._pipelines.upload(ask))

    def _upload_version(self, ask: Ask) -> Any:
        return self._face.show_version(self._pipelines.upload_version(ask))

    def _download(self, ask: Ask) -> Any:
        msg = f"The emulator downloads nothing: post the file to /apis/{self._face.API}/pipelines/upload."
        raise ServiceError(grpc.StatusCode.UNIMPLEMENTED, msg)

    def _list(self, ask: Ask) -> Any:
        page = self._pipelines.list(ask, self._face.API, self._face.scope(ask)[1])
        return page.show("pipelines", [self._face.show_pipeline(item) for item in page.items])

    def _get_by_name(self, ask: Ask) -> Any:
        # In a path, a dash stands for the namespace that has no name.
        namespace = ask.path.get("namespace", "").removeprefix("-") or ask.query.get("namespace", "")
        return self._face.show_pipeline(self._pipelines.named(ask, ask.path["name"], namespace))

    def _get(self, ask: Ask) -> Any:
        return self._face.show_pipeline(self._pipelines.get(ask, ask.path["pipeline_id"]))

    def _delete(self, ask: Ask) -> Any:
        self._pipelines.delete(ask, ask.path["pipeline_id"])
        return {}

    def _list_versions(self, ask: Ask) -> Any:
        pipeline_id = ask.path.get("pipeline_id") or ask.query.get("resource_key.id", "")
        page = self._pipelines.list_versions(ask, self._face.API, pipeline_id)
        noun = "versions" if self._face.API == v1.API else "pipeline_versions"
        return page.show(noun, [self._face.show_version(item) for item in page.items])

    def _get_version(self, ask: Ask) -> Any:
        return self._face.show_version(self._pipelines.version(ask, ask.path["version_id"]))

    def _delete_version(self, ask: Ask) -> Any:
        self._pipelines.delete_version(ask, ask.path["version_id"])
        return {}
