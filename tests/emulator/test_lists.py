"""Lists: order, pages and masks, through the official clients."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import pytest
from emulator_samples import PARENT, custom_job, pipeline_job
from google.api_core import exceptions
from google.cloud.aiplatform_v1.types import JobState
from google.protobuf.field_mask_pb2 import FieldMask

if TYPE_CHECKING:
    from google.cloud.aiplatform_v1 import JobServiceClient, PipelineServiceClient

    from airflow_mljobs.emulator.server import Emulator


def test_pipeline_fields(pipelines: PipelineServiceClient) -> None:
    """Pipeline jobs are also found by the pipeline's name and by the id that the user chose."""
    for name in ("run-1", "run-2", "other"):
        pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(), pipeline_job_id=name)

    found = pipelines.list_pipeline_jobs(
        {"parent": PARENT, "filter": 'pipeline_name="churn" AND pipeline_job_user_id:"run-*"'}
    )

    assert sorted(job.name.rpartition("/")[2] for job in found) == ["run-1", "run-2"]


def test_pages_neither_repeat_nor_skip(jobs: JobServiceClient) -> None:
    """Jobs that arrive or go between two pages do not disturb the rest of the list."""
    names = [
        jobs.create_custom_job(
            parent=PARENT,
            custom_job=custom_job(labels={"emulator-outcome": "succeeded", "emulator-seconds": "0"}),
        ).name
        for _ in range(5)
    ]
    first = jobs.list_custom_jobs({"parent": PARENT, "page_size": 2})
    page = next(iter(first.pages))
    assert [job.name for job in page.custom_jobs] == names[:-3:-1]

    jobs.create_custom_job(parent=PARENT, custom_job=custom_job())
    jobs.delete_custom_job(name=names[-1])

    rest = jobs.list_custom_jobs({"parent": PARENT, "page_size": 2, "page_token": page.next_page_token})
    assert [job.name for job in rest] == names[2::-1]


def test_page_token_belongs_to_its_question(jobs: JobServiceClient) -> None:
    """A page token is refused under another filter, and nonsense always."""
    for _ in range(2):
        jobs.create_custom_job(parent=PARENT, custom_job=custom_job())
    token = jobs.list_custom_jobs({"parent": PARENT, "page_size": 1}).next_page_token

    for request in ({"page_token": token, "filter": "display_name=train"}, {"page_token": "bm9uc2Vuc2U="}):
        with pytest.raises(exceptions.InvalidArgument, match="Invalid page_token"):
            jobs.list_custom_jobs({"parent": PARENT, **request})


def test_page_size_has_limits(emulator: Emulator, jobs: JobServiceClient) -> None:
    """A page holds 100 jobs by default; a negative size is refused."""
    for _ in range(101):
        jobs.create_custom_job(parent=PARENT, custom_job=custom_job())

    assert [len(page.custom_jobs) for page in jobs.list_custom_jobs(parent=PARENT).pages] == [100, 1]
    assert emulator.requests.count("JobService/ListCustomJobs") == 2
    with pytest.raises(exceptions.InvalidArgument, match="page_size"):
        jobs.list_custom_jobs({"parent": PARENT, "page_size": -1})


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", ["c1", "b2", "a1"]),
        ("create_time", ["a1", "b2", "c1"]),
        ("createTime desc", ["c1", "b2", "a1"]),
        ("display_name desc, create_time", ["c1", "b2", "a1"]),
        ("end_time desc, create_time asc", ["b2", "a1", "c1"]),
    ],
)
def test_order(emulator: Emulator, pipelines: PipelineServiceClient, order: str, expected: list[str]) -> None:
    """A list comes in the order asked for, the newest first by default, page by page."""
    for name, seconds in (("a1", "100"), ("b2", "5"), ("c1", "100")):
        job = pipeline_job(labels={"emulator-seconds": seconds}, display_name=name)
        pipelines.create_pipeline_job(parent=PARENT, pipeline_job=job, pipeline_job_id=name)
        emulator.clock.advance(6)

    found = pipelines.list_pipeline_jobs({"parent": PARENT, "order_by": order, "page_size": 2})

    assert [job.display_name for job in found] == expected


def test_order_by_unknown_field(pipelines: PipelineServiceClient) -> None:
    """An order by a field that cannot be sorted by is refused."""
    with pytest.raises(exceptions.InvalidArgument, match="Invalid order_by 'state'"):
        pipelines.list_pipeline_jobs({"parent": PARENT, "order_by": "state"})


def test_read_mask_cuts_down_the_answer(jobs: JobServiceClient) -> None:
    """A read mask leaves only the fields that it names; an unknown one is refused."""
    jobs.create_custom_job(parent=PARENT, custom_job=custom_job(labels={"team": "ml"}))
    mask = FieldMask(paths=["name", "state", "job_spec.worker_pool_specs.replica_count"])

    (job,) = jobs.list_custom_jobs({"parent": PARENT, "read_mask": mask})

    assert job.state == JobState.JOB_STATE_QUEUED
    assert job.job_spec.worker_pool_specs[0].replica_count == 1
    assert not job.job_spec.worker_pool_specs[0].container_spec.image_uri
    assert not job.labels
    assert not job.display_name
    with pytest.raises(exceptions.InvalidArgument, match=r"'job_spec\.colour'"):
        jobs.list_custom_jobs({"parent": PARENT, "read_mask": FieldMask(paths=["job_spec.colour"])})


def test_field_mask_header(pipelines: PipelineServiceClient) -> None:
    """The system parameter for partial answers works on a get, below repeated fields, and on a list."""
    created = pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())

    mask = "state,jobDetail.taskDetails.taskName"
    job = pipelines.get_pipeline_job(name=created.name, metadata=[("x-goog-fieldmask", mask)])
    listed = pipelines.list_pipeline_jobs(parent=PARENT, metadata=[("x-goog-fieldmask", "pipelineJobs.name")])

    assert [task.task_name for task in job.job_detail.task_details] == ["prepare", "train", "evaluate"]
    assert not job.job_detail.task_details[0].task_id
    assert not job.name
    assert [(job.name, job.display_name) for job in listed] == [(created.name, "")]


def test_list_view_hides_job_detail(pipelines: PipelineServiceClient) -> None:
    """The details of a pipeline's run are not available in the list view, as documented."""
    pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job())

    (job,) = pipelines.list_pipeline_jobs(parent=PARENT)

    assert "job_detail" not in job
    assert job.pipeline_spec["pipelineInfo"]["name"] == "churn"


def test_large_lists_are_quick(emulator: Emulator, pipelines: PipelineServiceClient) -> None:
    """A page out of 5,000 jobs of 20 kB costs the page, not the jobs."""
    pipelines.create_pipeline_job(parent=PARENT, pipeline_job=pipeline_job(labels={"mark": "0"}))
    store, collection = emulator.store, emulator.jobs["PipelineJob"]
    (record,) = store.active()
    resource = collection.load(record)
    resource.pipeline_spec["comment"] = "x" * 20_000
    content = resource.SerializeToString()
    with store.transaction():
        for number in range(5_000):
            copy = dataclasses.replace(
                record, name=f"{record.name}-{number}", labels={"mark": str(number % 50)}
            )
            store.save(copy, content)

    start = time.perf_counter()
    query = {
        "parent": PARENT,
        "filter": 'labels.mark="7" AND state="PIPELINE_STATE_PENDING"',
        "read_mask": FieldMask(paths=["name", "state"]),
    }
    found = list(pipelines.list_pipeline_jobs(query))

    assert len(found) == 100
    assert time.perf_counter() - start < 0.5
