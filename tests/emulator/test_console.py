"""The control plane and the job pages, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import requests
from emulator_samples import PARENT, custom_job, pipeline_job
from google.api_core import exceptions

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient

    from airflow_mljobs.emulator.server import Emulator


def test_health(emulator: Emulator) -> None:
    """The emulator says that it is up."""
    assert requests.get(f"{emulator.http_url}/_emulator/health", timeout=5).json() == {"status": "ok"}


def test_jobs(emulator: Emulator, jobs: JobServiceClient, pipelines: PipelineServiceClient) -> None:
    """All jobs of all services are listed, the newest first, with their times, errors and output."""
    failing = jobs.create_custom_job(
        parent=PARENT, custom_job=custom_job(labels={"emulator-outcome": "failed"})
    )
    emulator.clock.advance(101)
    active = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())
    _keep_output(emulator, failing.name, "boom")

    newest, oldest = requests.get(f"{emulator.http_url}/_emulator/jobs", timeout=5).json()

    assert (newest["name"], newest["state"]) == (active.name, "PIPELINE_STATE_PENDING")
    assert (newest["started"], newest["ended"], newest["error"], newest["log"]) == (None, None, None, None)
    assert (oldest["name"], oldest["service"], oldest["state"]) == (
        failing.name,
        "CustomJob",
        "JOB_STATE_FAILED",
    )
    assert "non-zero status" in oldest["error"]
    assert datetime.fromisoformat(oldest["ended"]) > datetime.fromisoformat(oldest["started"])
    assert requests.get(emulator.http_url + oldest["log"], timeout=5).text == "boom"


def test_faults_and_requests(emulator: Emulator, jobs: JobServiceClient) -> None:
    """Faults are asked for, seen and cleared, requests counted and reset, by HTTP."""
    faults = f"{emulator.http_url}/_emulator/faults"
    fault = {"method": "JobService/ListCustomJobs", "code": "UNAVAILABLE", "message": "Later", "times": 2}
    assert requests.post(faults, json=fault, timeout=5).ok
    with pytest.raises(exceptions.ServiceUnavailable, match="Later"):
        jobs.list_custom_jobs(parent=PARENT)

    (left,) = requests.get(faults, timeout=5).json()
    assert left == fault | {
        "times": 1,
        "latency": 0.0,
        "after_commit": False,
        "containing": "",
        "share": 1.0,
        "retry_after": None,
    }
    assert requests.delete(faults, timeout=5).json() == []

    counts = requests.get(f"{emulator.http_url}/_emulator/requests", timeout=5).json()
    assert counts == {"google.cloud.aiplatform.v1.JobService/ListCustomJobs": 1}
    assert requests.post(f"{emulator.http_url}/_emulator/requests/reset", timeout=5).json() == {}
    assert emulator.requests.counts() == {}


def test_faults_and_requests_of_one_job(emulator: Emulator, jobs: JobServiceClient) -> None:
    """The faults meant for a text are cleared without the others, and requests that contain it counted."""
    faults, counts = (f"{emulator.http_url}/_emulator/{part}" for part in ("faults", "requests"))
    assert requests.post(counts, json={"keep": "ListCustomJobs"}, timeout=5).ok
    assert requests.post(counts, json={"kept": "ListCustomJobs"}, timeout=5).status_code == 400
    for text in ("mine", "yours"):
        emulator.faults.add(method="*", code="UNAVAILABLE", containing=text)
    list(jobs.list_custom_jobs(parent=PARENT))

    (left,) = requests.delete(faults, params={"containing": "mine"}, timeout=5).json()
    assert left["containing"] == "yours"
    assert requests.get(counts, params={"containing": PARENT}, timeout=5).json() == {
        "google.cloud.aiplatform.v1.JobService/ListCustomJobs": 1
    }
    assert requests.get(counts, params={"containing": "mine"}, timeout=5).json() == {}


@pytest.mark.parametrize(
    "body", ['{"method": "*"}', '{"metod": "*"}', "[]", "{", '{"method": "*", "code": "NO"}']
)
def test_senseless_fault(emulator: Emulator, body: str) -> None:
    """A fault that cannot be read is refused with a reason."""
    answer = requests.post(f"{emulator.http_url}/_emulator/faults", data=body, timeout=5)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_clock(emulator: Emulator, jobs: JobServiceClient) -> None:
    """The clock is moved by HTTP, forward only."""
    clock = f"{emulator.http_url}/_emulator/clock"
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job())

    assert requests.post(clock, json={"advance": 101}, timeout=5).json()["offset"] == 101

    assert jobs.get_custom_job(name=job.name).state.name == "JOB_STATE_SUCCEEDED"
    assert requests.get(clock, timeout=5).json()["offset"] == 101
    assert requests.post(clock, json={"advance": -1}, timeout=5).status_code == 400


def test_page(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """The page shows jobs and tasks, loads nothing from elsewhere, and runs nothing that a job brings."""
    assert "No job yet" in requests.get(emulator.http_url, timeout=5).text
    job = pipelines.create_pipeline_job(
        parent=PARENT, pipeline_job=pipeline_job(display_name="<script>alert(1)</script>")
    )
    emulator.clock.advance(45)

    page = requests.get(emulator.http_url, timeout=5).text

    assert page.count("<script") == 1, "the console's own"
    assert "&lt;script&gt;alert(1)" in page
    assert "PIPELINE_STATE_RUNNING" in page
    assert 'prepare: <span class="succeeded">SUCCEEDED</span>' in page
    assert f'href="/_emulator/jobs/{job.name}"' in page
    assert "http://" not in page.replace(emulator.http_url, "")


def test_job_page(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A job's page has its resource and its output, escaped; an unknown job has none."""
    job = jobs.create_custom_job(parent=PARENT, custom_job=custom_job())
    _keep_output(emulator, job.name, "epoch 1 <b>")

    page = requests.get(f"{emulator.http_url}/_emulator/jobs/{job.name}", timeout=5).text

    assert "epoch 1 &lt;b&gt;" in page
    assert "python:3.12" in page
    for kind in ("jobs", "logs"):
        missing = requests.get(f"{emulator.http_url}/_emulator/{kind}/{PARENT}/customJobs/1", timeout=5)
        assert missing.status_code == 404


def _keep_output(emulator: Emulator, name: str, text: str) -> None:
    log = emulator.data / "logs" / f"{name.rpartition('/')[2]}.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(text)
