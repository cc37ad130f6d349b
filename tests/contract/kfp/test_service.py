"""The service's own operations, in both generations, and what a server cannot do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_errors import KFPNotSupported, KFPServerError
from airflow_mljobs.jobs import FailureKind, JobStatus
from airflow_mljobs.operators import kfp
from contract.drive import Task, run_task, submit
from contract.kfp.runs import FAST, HANG, a_run, hook_of
from contract.services.base import Service
from contract.services.kfp import KFP_RUN_V1, KFP_RUN_V2, PACKAGE

APIS = ("v1beta1", "v2beta1")
USER = "kubeflow-userid"
WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "old-"},
    "spec": {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "epochs", "value": "1"}]},
        "templates": [{"name": "main", "container": {"image": "alpine"}}],
    },
}


def test_archive_and_back(service: Service) -> None:
    """A run goes into the archive and comes back, while it goes on with its work."""
    run_id, conn = a_run(service, **HANG), service.run().kfp_conn_id
    states = []
    for operator in (kfp.ArchiveKFPRunOperator, kfp.UnarchiveKFPRunOperator):
        operator(task_id="t", kfp_conn_id=conn, run_id=run_id).execute(Task().context)
        run = hook_of(service).get_run(run_id)
        states.append(run.get("run", run)["storage_state"].removeprefix("STORAGESTATE_"))

    assert states == ["ARCHIVED", "AVAILABLE"]
    assert hook_of(service).get_job(run_id).status is JobStatus.ACTIVE


def test_metrics_are_shown_by_the_first_generation(service: Service) -> None:
    """Either generation reports metrics, which the first one shows, with one verdict for each."""
    run_id = a_run(service)
    metric = {"name": "accuracy", "node_id": "evaluate", "number_value": 0.75}
    answer = hook_of(service).report_run_metrics(run_id, {"metrics": [metric, {"name": "1"}]})

    [reported] = hook_of(KFP_RUN_V1).get_run(run_id)["run"]["metrics"]
    assert [result["status"] for result in answer["results"]] == ["OK", "INVALID_ARGUMENT"]
    assert (reported["name"], reported["number_value"]) == ("accuracy", 0.75)


def test_metrics_of_nothing(service: Service) -> None:
    """Metrics for a run that is not there say so, and blame no server."""
    with pytest.raises(KFPServerError) as raised:
        hook_of(service).report_run_metrics("nowhere", {"metrics": []})

    assert raised.value.kind is FailureKind.MISSING


def test_artifacts_of_a_compiled_pipeline_are_elsewhere(service: Service) -> None:
    """An artifact that no server can give is refused with the server and the API that could."""
    run_id = a_run(service)

    with pytest.raises(KFPNotSupported, match=r"Kubeflow Pipelines 2\.17\.0\. Only runs of Argo workflows"):
        hook_of(service).read_artifact(run_id, node_id="train", artifact_name="main-logs")


def test_an_argo_workflow_in_the_first_generation(emulator: Emulator) -> None:
    """An Argo workflow runs with its parameters as texts, and its artifacts can be read."""
    task = Task()
    run = {"pipeline_file": WORKFLOW, "parameters": {"epochs": 3}, "pipeline_root": None}
    run_id = run_task(KFP_RUN_V1.run, task, mode="worker", **run, **FAST)["name"]
    hook = hook_of(KFP_RUN_V1)
    answer = hook.get_run(run_id)
    node = next(iter(json.loads(answer["pipeline_runtime"]["workflow_manifest"])["status"]["nodes"]))

    assert answer["run"]["pipeline_spec"]["parameters"] == [{"name": "epochs", "value": "3"}]
    assert hook.read_artifact(run_id, node_id=node, artifact_name="main-logs")["data"]
    with pytest.raises(KFPServerError, match="not found"):
        hook.read_artifact(run_id, node_id=node, artifact_name="other")


def test_an_argo_workflow_in_the_second_generation(emulator: Emulator) -> None:
    """The second generation runs no Argo workflow, and the error says which one does."""
    with pytest.raises(InvalidJobSpec, match="runs through the API v1beta1 only"):
        submit(KFP_RUN_V2.run, Task(), pipeline_file=WORKFLOW, pipeline_root=None)

    assert emulator.requests.count("CreateRun") == 0


@pytest.mark.parametrize(("release", "api"), [("1.8", "v1beta1"), ("2.5", "v2beta1"), ("2.17", "v2beta1")])
def test_the_server_decides_the_generation(release: str, api: str, server: Any, connect: Any) -> None:
    """Left to the server, the newest generation that it has is spoken, and access is proven by it."""
    server.change({"release": release})
    hook = connect()

    well, text = hook.test_connection()
    assert (well, hook.api_version) == (True, api)
    assert f"Kubeflow Pipelines {release}" in text
    assert f"through {api}" in text


def test_a_name_that_the_server_does_not_have(service: Service, emulator: Emulator) -> None:
    """An unknown pipeline or experiment is refused before a run is created."""
    for field, value in (("pipeline_name", "no+where"), ("pipeline_id", "nowhere")):
        with pytest.raises(InvalidJobSpec, match="names "):
            submit(service.run, Task(), pipeline_file=None, **{field: value})
    with pytest.raises(InvalidJobSpec, match="experiment='a%20b\\+c' is not valid"):
        submit(service.run, Task(), experiment="a%20b+c")

    assert emulator.requests.count("CreateRun") == 0


def test_an_experiment_by_name(service: Service) -> None:
    """A run belongs to the experiment that it names, whatever characters are in that."""
    hook, name = hook_of(service), f"1 + 1 = 100% {service.name}"
    made = hook.create_experiment({"name" if hook.is_v1 else "display_name": name})
    run_id = submit(service.run, Task(), experiment=name)["name"]

    experiment_id = made["id" if hook.is_v1 else "experiment_id"]
    found = hook.list_runs(experiment_id=experiment_id)["runs"]
    assert [service.name_of(run) for run in found] == [run_id]


def test_a_pipeline_by_name_runs_in_its_newest_version(service: Service, emulator: Emulator) -> None:
    """Of a pipeline that the server has, the newest version runs unless another one is named."""
    hook, name = hook_of(service), f"uploaded {service.name}"
    versions = upload(emulator, name, times=2)

    by_name = submit(service.run, Task(), pipeline_file=None, pipeline_name=name)["name"]
    pipeline_id = hook.find_pipeline(name)
    pinned = {"pipeline_id": pipeline_id, "pipeline_version_id": versions[0]}
    by_id = submit(service.run, Task(), pipeline_file=None, **pinned)["name"]

    assert [version_of(hook, run_id) for run_id in (by_name, by_id)] == [versions[1], versions[0]]


def version_of(hook: KFPRunHook, run_id: str) -> str:
    """Return which version of a pipeline a run was made from."""
    answer = hook.get_run(run_id)
    if not hook.is_v1:
        return str(answer["pipeline_version_reference"]["pipeline_version_id"])
    references = answer["run"]["resource_references"]
    return next(str(r["key"]["id"]) for r in references if r["key"]["type"] == "PIPELINE_VERSION")


def upload(emulator: Emulator, name: str, *, times: int) -> list[str]:
    """Upload a pipeline in several versions with the official client, and return their ids."""
    import kfp_server_api

    configuration = kfp_server_api.Configuration(host=emulator.http_url)
    with kfp_server_api.ApiClient(configuration) as client:
        api = kfp_server_api.PipelineUploadServiceApi(client)
        pipeline = api.upload_pipeline(str(PACKAGE), name=name)
        for number in range(1, times):
            emulator.clock.advance(1)
            api.upload_pipeline_version(
                str(PACKAGE), name=f"{name} {number}", pipelineid=pipeline.pipeline_id
            )
        listed = kfp_server_api.PipelineServiceApi(client).pipeline_service_list_pipeline_versions(
            pipeline.pipeline_id, sort_by="created_at asc"
        )
        ids = [str(version.pipeline_version_id) for version in listed.pipeline_versions]
        client.rest_client.pool_manager.clear()
    return ids


@pytest.mark.parametrize("api", APIS)
def test_an_experiment_of_another_namespace(api: str, server: Any, connect: Any, emulator: Emulator) -> None:
    """A run that would be where nobody looks for it is refused before it is created."""
    server.change({"multi_user": True, "grants": {"ada": {"team": ["*"], "other": ["*"]}}})
    extra = {"headers": {USER: "ada"}, "api_version": api}
    other = connect(**extra, namespace="other")
    owner = {"key": {"type": "NAMESPACE", "id": "other"}, "relationship": "OWNER"}
    v1, v2 = {"name": api, "resource_references": [owner]}, {"display_name": api, "namespace": "other"}
    made = other.create_experiment(v1 if other.is_v1 else v2)
    experiment_id = made["id" if other.is_v1 else "experiment_id"]
    request = other.build_run(name="run", pipeline_file=str(PACKAGE), experiment_id=experiment_id)

    with pytest.raises(InvalidJobSpec, match=r"is in namespace team, .* not in other"):
        connect(**extra, namespace="team").submit_run(request, identity=None, attempt=1)

    assert emulator.requests.count("CreateRun") == 0
    assert connect(**extra, namespace="other").submit_run(request, identity=None, attempt=1).name


def test_tenants(server: Any, connect: Any, emulator: Emulator) -> None:
    """A multi-user server is asked for one namespace; without a grant for it, access is denied."""
    server.change({"multi_user": True, "grants": {"ada": {"team": ["*"]}}})

    assert connect(headers={USER: "ada"}, namespace="team").test_connection()[0]
    for extra, words in (
        ({"headers": {USER: "ada"}}, "amespace"),
        ({"headers": {USER: "ada"}, "namespace": "other"}, "not authorized"),
        ({"namespace": "team"}, "identity"),
    ):
        well, text = connect(**extra).test_connection()
        assert (well, words in text) == (False, True), text


@pytest.mark.parametrize("api", APIS)
def test_filters_and_pages(api: str, connect: Any) -> None:
    """A list is filtered by JSON predicates and goes on from page to page in its order."""
    hook = connect(api_version=api)
    name = f"a+b 100% {api}"
    ids = [
        hook.submit_run(hook.build_run(name=name, pipeline_file=str(PACKAGE)), identity=None, attempt=1).name
        for _ in range(3)
    ]
    named = [{"key": "name", "op": "EQUALS", "string_value": name}]

    found = list(hook.iterate_runs(filter=named, page_size=2, sort_by="created_at asc"))

    assert {run.get("run_id") or run["id"] for run in found} == set(ids)
    with pytest.raises(KFPServerError, match="unrecognized field"):
        hook.list_runs(filter=[{"key": "colour", "op": "EQUALS", "string_value": "red"}])


def test_what_is_returned_holds_no_pipeline(service: Service) -> None:
    """Get and List leave out the pipeline that came with a run, which may hold secrets."""
    run_id = a_run(service)
    shown = service.one["get"](run_id).execute(Task().context)

    assert service.name_of(shown) == run_id
    assert "deploymentSpec" not in json.dumps(shown)
