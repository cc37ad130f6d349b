"""Pipelines in Vertex AI Experiments."""

from __future__ import annotations

import grpc
import pytest
from google.cloud.aiplatform_v1 import MetadataServiceClient
from google.cloud.aiplatform_v1.types import Context

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec
from contract.drive import Task, run_task
from contract.services.vertex_ai import PARENT, PIPELINE_JOB

CONTEXTS = f"{PARENT}/metadataStores/default/contexts"


@pytest.fixture
def client(emulator: Emulator) -> MetadataServiceClient:
    """The official client of the metadata service."""
    transport = MetadataServiceClient.get_transport_class("grpc")
    return MetadataServiceClient(transport=transport(channel=grpc.insecure_channel(emulator.grpc_address)))


def create(client: MetadataServiceClient, name: str, schema: str = "system.Experiment") -> str:
    """Create an experiment and return its full name."""
    context = Context(schema_title=schema)
    parent = f"{PARENT}/metadataStores/default"
    return client.create_context(parent=parent, context=context, context_id=name).name


def test_run_becomes_a_child(client: MetadataServiceClient, mode: str, task: Task) -> None:
    """A pipeline's run becomes a child of its experiment."""
    experiment = create(client, f"trials-{mode}")

    job = run_task(PIPELINE_JOB.run, task, mode=mode, poll_interval=0.05, experiment=f"trials-{mode}")

    run = client.get_context(name=f"{CONTEXTS}/{job['name'].rpartition('/')[-1]}")
    assert list(run.parent_contexts) == [experiment]


def test_unknown_experiment_creates_nothing(emulator: Emulator, mode: str, task: Task) -> None:
    """An experiment that does not exist is refused before the job is created."""
    with pytest.raises(InvalidJobSpec, match="experiment='nowhere' is not valid: must exist"):
        run_task(PIPELINE_JOB.run, task, mode=mode, experiment="nowhere")

    assert emulator.requests.count("CreatePipelineJob") == 0


def test_something_else_of_that_name(client: MetadataServiceClient, emulator: Emulator, task: Task) -> None:
    """A context that is no experiment is refused before the job is created."""
    create(client, "a-run", schema="system.ExperimentRun")

    with pytest.raises(InvalidJobSpec, match=r"must be of the schema system\.Experiment"):
        run_task(PIPELINE_JOB.run, task, mode="worker", experiment="a-run")

    assert emulator.requests.count("CreatePipelineJob") == 0


def test_trouble_with_the_experiment_spares_the_job(
    client: MetadataServiceClient, emulator: Emulator, task: Task
) -> None:
    """A run that cannot be added to its experiment goes on and succeeds."""
    create(client, "refusing")
    emulator.faults.add(method="AddContextChildren", code="PERMISSION_DENIED")

    job = run_task(PIPELINE_JOB.run, task, mode="worker", poll_interval=0.05, experiment="refusing")

    assert job["status"] == "succeeded"
