"""A running emulator and the official clients, joined by real gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceGrpcTransport
from google.cloud.aiplatform_v1.services.pipeline_service.transports import PipelineServiceGrpcTransport
from kfp_client import KfpClient, connected

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """Run an emulator whose jobs take 100 seconds of its own time."""
    with Emulator(data=tmp_path, seconds=100) as running:
        yield running


@pytest.fixture
def channel(emulator: Emulator) -> Iterator[grpc.Channel]:
    """Open a plaintext connection to it."""
    with grpc.insecure_channel(emulator.grpc_address) as opened:
        yield opened


@pytest.fixture
def pipelines(channel: grpc.Channel) -> aiplatform_v1.PipelineServiceClient:
    """Build the official client of the PipelineService."""
    return aiplatform_v1.PipelineServiceClient(transport=PipelineServiceGrpcTransport(channel=channel))


@pytest.fixture
def jobs(channel: grpc.Channel) -> aiplatform_v1.JobServiceClient:
    """Build the official client of the JobService."""
    return aiplatform_v1.JobServiceClient(transport=JobServiceGrpcTransport(channel=channel))


@pytest.fixture
def kfp(emulator: Emulator) -> Iterator[KfpClient]:
    """Open the official client of Kubeflow Pipelines."""
    with connected(emulator) as client:
        yield client
