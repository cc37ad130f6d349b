"""Faults on demand, and the count of requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from emulator_samples import PARENT, custom_job, pipeline_job
from google.api_core import exceptions

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient

    from airflow_mljobs.emulator.server import Emulator


def test_fault_is_used_up(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A fault hits the next calls of its method, as often as asked, and no other method."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job())
    emulator.faults.add(method="JobService/GetCustomJob", code="RESOURCE_EXHAUSTED", message="Quota", times=2)

    for _ in range(2):
        with pytest.raises(exceptions.ResourceExhausted, match="Quota"):
            jobs.get_custom_job(name=job.name)
        jobs.list_custom_jobs(parent=PARENT)

    assert jobs.get_custom_job(name=job.name).name == job.name
    assert emulator.faults.pending() == []


def test_faults_wait_in_line(emulator: Emulator, jobs: JobServiceClient) -> None:
    """Faults come in the order in which they were asked for; what is left can be seen and cleared."""
    emulator.faults.add(method="*", code="UNAVAILABLE")
    emulator.faults.add(method="ListCustomJobs", code="PERMISSION_DENIED")

    with pytest.raises(exceptions.ServiceUnavailable, match="UNAVAILABLE asked for by the control plane"):
        jobs.list_custom_jobs(parent=PARENT)
    assert [fault.method for fault in emulator.faults.pending()] == ["ListCustomJobs"]
    emulator.faults.clear()

    assert list(jobs.list_custom_jobs(parent=PARENT)) == []


def test_lost_connection_after_commit(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A create whose answer is lost has created the job, and the repeated create finds it."""
    emulator.faults.add(method="CreatePipelineJob", after_commit=True)
    create = {"parent": PARENT, "pipeline_job": pipeline_job(), "pipeline_job_id": "run-1"}

    with pytest.raises(exceptions.ServiceUnavailable):
        pipelines.create_pipeline_job(create)

    with pytest.raises(exceptions.AlreadyExists):
        pipelines.create_pipeline_job(create)
    assert len(list(pipelines.list_pipeline_jobs(parent=PARENT))) == 1


def test_latency_delays_a_good_answer(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A fault of latency alone makes the answer late, and a client's deadline can pass."""
    emulator.faults.add(method="ListCustomJobs", latency=0.2)
    start = time.monotonic()
    assert list(jobs.list_custom_jobs(parent=PARENT)) == []
    assert time.monotonic() - start >= 0.2

    emulator.faults.add(method="ListCustomJobs", latency=30)
    with pytest.raises(exceptions.DeadlineExceeded):
        jobs.list_custom_jobs(parent=PARENT, timeout=0.1)


def test_an_answer_is_held_back_and_lost(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A create can take effect long before its client learns that the connection is gone."""
    emulator.faults.add(method="CreateCustomJob", after_commit=True, latency=30)

    with pytest.raises(exceptions.DeadlineExceeded):
        jobs.create_custom_job(parent=PARENT, custom_job=custom_job(), timeout=0.5)

    assert len(list(jobs.list_custom_jobs(parent=PARENT))) == 1


def test_a_fault_for_one_job(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A fault can be meant for the requests that contain a text, and lets the others pass."""
    names = [jobs.create_custom_job(parent=PARENT, custom_job=custom_job()).name for _ in range(2)]
    emulator.faults.add(method="GetCustomJob", code="UNAVAILABLE", containing=names[1])

    assert jobs.get_custom_job(name=names[0]).name == names[0]
    with pytest.raises(exceptions.ServiceUnavailable):
        jobs.get_custom_job(name=names[1])


def test_a_fault_for_some_requests(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A fault can be meant for a share of the requests, chosen by chance."""
    emulator.faults.add(method="ListCustomJobs", code="UNAVAILABLE", share=0.5, times=1000)
    hit = 0
    for _ in range(60):
        try:
            jobs.list_custom_jobs(parent=PARENT)
        except exceptions.ServiceUnavailable:
            hit += 1

    assert 10 < hit < 50


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"code": "BROKEN"},
        {"code": "UNAVAILABLE", "times": 0},
        {"latency": -1},
        {"code": "UNAVAILABLE", "share": 0},
        {"code": "UNAVAILABLE", "share": 1.5},
    ],
)
def test_senseless_fault(emulator: Emulator, fault: dict[str, Any]) -> None:
    """A fault that could never happen is refused."""
    with pytest.raises(ValueError, match=r"must|needs"):
        emulator.faults.add(method="*", **fault)


def test_requests_are_counted(emulator: Emulator, jobs: JobServiceClient) -> None:
    """Each request counts under its full method name, those that met a fault too, until the reset."""
    emulator.faults.add(method="*", code="UNAVAILABLE")
    with pytest.raises(exceptions.ServiceUnavailable):
        jobs.list_custom_jobs(parent=PARENT)
    jobs.list_custom_jobs(parent=PARENT)

    assert emulator.requests.counts() == {"google.cloud.aiplatform.v1.JobService/ListCustomJobs": 2}
    assert emulator.requests.count("*") == 2

    emulator.requests.reset()
    assert emulator.requests.counts() == {}


def test_requests_for_one_job_are_counted(emulator: Emulator, jobs: JobServiceClient) -> None:
    """What requests of a method say is kept when asked for, and those that contain a text are counted."""
    emulator.requests.keep("JobService/GetCustomJob")
    names = [jobs.create_custom_job(parent=PARENT, custom_job=custom_job()).name for _ in range(2)]
    for name in (*names, names[0]):
        jobs.get_custom_job(name=name)

    method = "google.cloud.aiplatform.v1.JobService/GetCustomJob"
    assert emulator.requests.counts(containing=names[0]) == {method: 2}
    assert emulator.requests.counts(containing=names[1]) == {method: 1}
    assert emulator.requests.counts(containing=PARENT) == {method: 3}, "not of methods that are not kept"

    emulator.requests.reset()
    assert emulator.requests.counts(containing=names[0]) == {}
