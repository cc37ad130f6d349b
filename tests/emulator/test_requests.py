"""What the services refuse, and in which words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from emulator_samples import PARENT, custom_job, pipeline_job, pipeline_spec
from google.api_core import exceptions

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run one emulator for all tests here, none of which changes what another sees."""
    with Emulator(data=tmp_path_factory.mktemp("emulator"), seconds=100) as running:
        yield running


def _without(*path: str) -> dict[str, Any]:
    spec = inner = pipeline_spec()
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return pipeline_job(pipeline_spec=spec)


def _values(declared: dict[str, dict[str, Any]], **values: Any) -> dict[str, Any]:
    config = {"gcs_output_directory": "gs://bucket/pipelines", "parameter_values": values}
    return pipeline_job(pipeline_spec=pipeline_spec(**declared), runtime_config=config)


RATE = {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.1}}
STEPS = {"steps": {"parameterType": "NUMBER_INTEGER"}}
CYCLE = pipeline_spec("a", "b")
CYCLE["root"]["dag"]["tasks"]["a"]["dependentTasks"] = ["b"]


@pytest.mark.parametrize(
    ("job", "field"),
    [
        (_without("pipelineInfo", "name"), "pipeline_spec.pipelineInfo.name"),
        (_without("schemaVersion"), "pipeline_spec.schemaVersion"),
        (_without("root"), "pipeline_spec.root"),
        (_without("components", "comp-train"), "pipeline_spec.root.dag.tasks.train"),
        (pipeline_job(pipeline_spec=CYCLE), "pipeline_spec.root.dag.tasks"),
        ({"runtime_config": {"gcs_output_directory": "gs://b/r"}}, "pipeline_spec"),
        (pipeline_job(runtime_config={}), "runtime_config.gcs_output_directory"),
        (
            pipeline_job(runtime_config={"gcs_output_directory": "/tmp"}),
            "runtime_config.gcs_output_directory",
        ),
        (_values(RATE, speed=1), "runtime_config.parameter_values.speed"),
        (_values(RATE, rate="fast"), "runtime_config.parameter_values.rate"),
        (_values(STEPS, steps=1.5), "runtime_config.parameter_values.steps"),
        (_values(STEPS), "runtime_config.parameter_values.steps"),
        (pipeline_job(display_name="x" * 129), "display_name"),
        (pipeline_job(labels={"Team": "ml"}), "labels"),
        (pipeline_job(labels={"team": "M L"}), "labels.team"),
        (pipeline_job(labels={f"k{n}": "" for n in range(65)}), "labels"),
    ],
)
def test_bad_pipeline_job(pipelines: PipelineServiceClient, job: dict[str, Any], field: str) -> None:
    """A pipeline job that breaks a rule is refused with the field's name, and not stored."""
    with pytest.raises(exceptions.InvalidArgument, match=rf"1\.Field: {re.escape(field)}; Message: "):
        pipelines.create_pipeline_job(parent=PARENT, pipeline_job=job, pipeline_job_id="bad")

    with pytest.raises(exceptions.NotFound):
        pipelines.get_pipeline_job(name=f"{PARENT}/pipelineJobs/bad")


POOLS = "job_spec.worker_pool_specs"


@pytest.mark.parametrize(
    ("job", "field"),
    [
        (custom_job(display_name=""), "display_name"),
        (custom_job(job_spec={}), POOLS),
        (custom_job(job_spec={"worker_pool_specs": [{"replica_count": 1}]}), f"{POOLS}[0]"),
        (
            custom_job(job_spec={"worker_pool_specs": [{"container_spec": {"command": ["true"]}}]}),
            f"{POOLS}[0].container_spec.image_uri",
        ),
        (
            custom_job(
                job_spec={"worker_pool_specs": [{"python_package_spec": {"executor_image_uri": "i"}}]}
            ),
            f"{POOLS}[0].python_package_spec.package_uris",
        ),
    ],
)
def test_bad_custom_job(jobs: JobServiceClient, job: dict[str, Any], field: str) -> None:
    """A custom job that breaks a rule is refused with the field's name."""
    with pytest.raises(exceptions.InvalidArgument, match=rf"1\.Field: {re.escape(field)}; Message: "):
        jobs.create_custom_job(parent=PARENT, custom_job=job)


@pytest.mark.parametrize("job_id", ["Run", "1run", "run_1", "r" * 129])
def test_bad_pipeline_job_id(pipelines: PipelineServiceClient, job_id: str) -> None:
    """A pipeline job's id must fit the documented alphabet."""
    with pytest.raises(exceptions.InvalidArgument, match="pipeline_job_id"):
        pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(), pipeline_job_id=job_id)


def test_pipeline_job_id_is_unique(pipelines: PipelineServiceClient) -> None:
    """The same id twice in a location is one job; without an id each create makes another."""
    pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(), pipeline_job_id="run-1")

    with pytest.raises(exceptions.AlreadyExists, match="Pipeline job with the specified ID already exists"):
        pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(), pipeline_job_id="run-1")

    names = {pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job()).name for _ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(rf"{PARENT}/pipelineJobs/churn-\d{{14}}", name) for name in names)


@pytest.mark.parametrize("parent", ["", "projects/p", "projects/p/locations/", "europe-west4"])
def test_bad_parent(jobs: JobServiceClient, parent: str) -> None:
    """A parent that is no location is refused."""
    with pytest.raises(exceptions.InvalidArgument, match="parent"):
        jobs.list_custom_jobs(parent=parent)


def test_unknown_and_malformed_names(jobs: JobServiceClient) -> None:
    """A job that is not there is NOT_FOUND; a name that cannot be one is INVALID_ARGUMENT."""
    for call in (jobs.get_custom_job, jobs.cancel_custom_job, jobs.delete_custom_job):
        with pytest.raises(exceptions.NotFound, match='customJobs/1" does not exist'):
            call(name=f"{PARENT}/customJobs/1")
        with pytest.raises(exceptions.InvalidArgument, match="Invalid resource name"):
            call(name="customJobs/1")


def test_client_cannot_set_what_is_output_only(pipelines: PipelineServiceClient) -> None:
    """What the service alone may write is ignored in a create, the billing label included."""
    labels = {"vertex-ai-pipelines-run-billing-id": "mine"}
    job = pipeline_job(name="mine", error={"code": 5}, state="PIPELINE_STATE_SUCCEEDED", labels=labels)

    created = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=job, pipeline_job_id="plain")

    assert created.name.endswith("/plain")
    assert created.state.name == "PIPELINE_STATE_PENDING"
    assert "error" not in created
    assert created.labels["vertex-ai-pipelines-run-billing-id"].isdigit()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "names"),
        ([f"{PARENT}/pipelineJobs/run-{n}" for n in range(33)], "at most 32"),
        (["projects/p/locations/other/pipelineJobs/run-1"], "is not in"),
    ],
)
def test_bad_batch(pipelines: PipelineServiceClient, names: list[str], reason: str) -> None:
    """A batch has 1 to 32 jobs of its own location."""
    with pytest.raises(exceptions.InvalidArgument, match=reason):
        pipelines.batch_cancel_pipeline_jobs(parent=PARENT, names=names)


def test_batch_cancel_of_unknown_job(pipelines: PipelineServiceClient) -> None:
    """If one job of a batch is unknown, none is cancelled."""
    job = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())

    with pytest.raises(exceptions.NotFound):
        pipelines.batch_cancel_pipeline_jobs(parent=PARENT, names=[job.name, f"{PARENT}/pipelineJobs/none"])

    assert pipelines.get_pipeline_job(name=job.name).state.name == "PIPELINE_STATE_PENDING"


def test_method_not_emulated(jobs: JobServiceClient) -> None:
    """A method of the service that the emulator lacks is UNIMPLEMENTED."""
    with pytest.raises(exceptions.MethodNotImplemented):
        jobs.list_batch_prediction_jobs(parent=PARENT)


def test_operations(emulator: Emulator, jobs: JobServiceClient) -> None:
    """Operations can be listed in pages, waited for and deleted, but not cancelled."""
    for _ in range(3):
        job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job(labels={"emulator-seconds": "0"}))
        last = jobs.delete_custom_job(name=job.name).operation.name

    page = jobs.list_operations({"name": PARENT, "page_size": 2})
    rest = jobs.list_operations({"name": PARENT, "page_token": page.next_page_token})
    assert [len(page.operations), len(rest.operations)] == [2, 1]
    assert rest.operations[0].name == last

    with pytest.raises(exceptions.FailedPrecondition, match="is not cancellable"):
        jobs.cancel_operation({"name": last})
    jobs.delete_operation({"name": last})
    with pytest.raises(exceptions.NotFound):
        jobs.get_operation({"name": last})
