"""The official client of Kubeflow Pipelines, for paths of both generations, against an emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import kfp_server_api
import urllib3
from emulator_samples import pipeline_spec

from airflow_mljobs.emulator.server import Emulator

V1, V2 = "v1beta1", "v2beta1"
EPOCH = "1970-01-01T00:00:00Z"
WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "old-"},
    "spec": {"entrypoint": "main", "templates": [{"name": "step", "container": {"image": "alpine"}}]},
}


class Answer(NamedTuple):
    """What came back, refusals included."""

    status: int
    body: Any
    headers: Mapping[str, str]


class KfpClient:
    """The services of v2beta1 by their official classes, and every path through their transport."""

    def __init__(self, emulator: Emulator) -> None:
        configuration = kfp_server_api.Configuration(host=emulator.http_url)
        # The client's own default would hide a redirect to a login page.
        configuration.retries = urllib3.Retry(0, redirect=0, raise_on_redirect=False)
        self.api = kfp_server_api.ApiClient(configuration)
        self.runs = kfp_server_api.RunServiceApi(self.api)
        self.experiments = kfp_server_api.ExperimentServiceApi(self.api)
        self.pipelines = kfp_server_api.PipelineServiceApi(self.api)
        self.uploads = kfp_server_api.PipelineUploadServiceApi(self.api)
        self.health = kfp_server_api.HealthzServiceApi(self.api)

    def ask(self, verb: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Send a request below ``/apis/`` and return whatever comes back."""
        try:
            response = self.api.call_api(
                f"/apis/{path}",
                verb,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=5,
            )
            return Answer(response.status, _read(response.data), response.headers)
        except kfp_server_api.ApiException as error:
            return Answer(error.status, _read(error.body), error.headers or {})

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of a good answer."""
        return self._good(self.ask("GET", path, **query))

    def post(self, path: str, body: Any = None) -> Any:
        """Return the body of a good answer."""
        return self._good(self.ask("POST", path, body))

    def create(self, name: str = "train", **fields: Any) -> str:
        """Create a run of three tasks by v2beta1 and return its id."""
        source = {} if "pipeline_version_reference" in fields else {"pipeline_spec": pipeline_spec()}
        run = self.runs.run_service_create_run(run={"display_name": name, **source, **fields})
        return str(run.run_id)

    @staticmethod
    def _good(answer: Answer) -> Any:
        assert answer.status == 200, answer
        return answer.body


@contextmanager
def connected(emulator: Emulator) -> Iterator[KfpClient]:
    """Open a client and close its connections, which it has no call for."""
    client = KfpClient(emulator)
    try:
        yield client
    finally:
        client.api.close()
        client.api.rest_client.pool_manager.clear()


def v1_run(*, version: str = "", experiment: str = "", **fields: Any) -> dict[str, Any]:
    """Describe an Argo run for v1beta1, or one of a version that the server has."""
    owners = [("EXPERIMENT", experiment, "OWNER"), ("PIPELINE_VERSION", version, "CREATOR")]
    references = [
        {"key": {"type": kind, "id": key}, "relationship": relationship}
        for kind, key, relationship in owners
        if key
    ]
    spec = {} if version else {"workflow_manifest": json.dumps(WORKFLOW)}
    return {"name": "old", "pipeline_spec": spec, "resource_references": references, **fields}


def _read(data: Any) -> Any:
    text = data.decode() if isinstance(data, bytes) else data
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text
