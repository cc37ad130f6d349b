"""The NotebookService, through the official client."""

from __future__ import annotations

import re

import grpc
import pytest
from emulator_samples import PARENT, notebook, notebook_job
from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.cloud.aiplatform_v1 import NotebookServiceClient
from google.cloud.aiplatform_v1.services.notebook_service.transports import NotebookServiceGrpcTransport
from google.cloud.aiplatform_v1.types import JobState, NotebookExecutionJobView

from airflow_mljobs.emulator.server import Emulator

FULL = NotebookExecutionJobView.NOTEBOOK_EXECUTION_JOB_VIEW_FULL
BASIC = NotebookExecutionJobView.NOTEBOOK_EXECUTION_JOB_VIEW_BASIC


@pytest.fixture
def notebooks(channel: grpc.Channel) -> NotebookServiceClient:
    """Build the official client of the NotebookService."""
    return NotebookServiceClient(transport=NotebookServiceGrpcTransport(channel=channel))


def create(client: NotebookServiceClient, job_id: str, **fields: object) -> str:
    """Create a job and return its name."""
    client.create_notebook_execution_job(
        parent=PARENT, notebook_execution_job=notebook_job(**fields), notebook_execution_job_id=job_id
    )
    return f"{PARENT}/notebookExecutionJobs/{job_id}"


def ids(client: NotebookServiceClient, **query: object) -> list[str]:
    """List jobs and return their ids."""
    found = client.list_notebook_execution_jobs({"parent": PARENT, **query})
    return [job.name.rpartition("/")[2] for job in found]


def test_the_creation_lasts_as_long_as_the_job(emulator: Emulator, notebooks: NotebookServiceClient) -> None:
    """The operation is done when the job has ended, and answers with it; its name tells the job's."""
    operation = notebooks.create_notebook_execution_job(parent=PARENT, notebook_execution_job=notebook_job())
    name = operation.operation.name.rpartition("/operations/")[0]
    assert re.fullmatch(rf"{PARENT}/notebookExecutionJobs/\d{{19}}", name)
    assert notebooks.get_notebook_execution_job(name=name).job_state == JobState.JOB_STATE_PENDING

    emulator.clock.advance(50)
    assert notebooks.get_notebook_execution_job(name=name).job_state == JobState.JOB_STATE_RUNNING
    assert not operation.done()

    emulator.clock.advance(51)
    job = operation.result(timeout=5)
    assert (job.name, job.job_state) == (name, JobState.JOB_STATE_SUCCEEDED)
    assert "status" in job
    assert (job.status.code, job.status.message) == (0, "")
    assert (job.update_time - job.create_time).total_seconds() == pytest.approx(100, abs=0.5)
    assert job.execution_timeout.total_seconds() == 86_400
    assert isinstance(operation.metadata, aiplatform_v1.CreateNotebookExecutionJobOperationMetadata)


def test_a_failure_is_in_the_status(emulator: Emulator, notebooks: NotebookServiceClient) -> None:
    """A failed job has its reason in the status."""
    name = create(notebooks, "x", labels={"emulator-outcome": "failed"})
    emulator.clock.advance(101)

    job = notebooks.get_notebook_execution_job(name=name)

    assert job.job_state == JobState.JOB_STATE_FAILED
    assert "non-zero status of 1" in job.status.message


def test_a_creation_may_fail_later(emulator: Emulator, notebooks: NotebookServiceClient) -> None:
    """A creation scripted to fail leaves no job; the operation below its name has the reason."""
    name = create(notebooks, "x", labels={"emulator-creation": "failed"})
    emulator.clock.advance(1)

    (operation,) = notebooks.list_operations({"name": name}).operations

    assert operation.error.message == "The runtime template is not usable."
    with pytest.raises(exceptions.NotFound):
        notebooks.get_notebook_execution_job(name=name)


def test_views(notebooks: NotebookServiceClient) -> None:
    """Only the full view holds the notebook, in a get and in a list alike."""
    name = create(notebooks, "x")

    def contents(view: NotebookExecutionJobView) -> list[bytes]:
        got = notebooks.get_notebook_execution_job({"name": name, "view": view})
        (listed,) = notebooks.list_notebook_execution_jobs({"parent": PARENT, "view": view})
        return [job.direct_notebook_source.content for job in (got, listed)]

    assert contents(FULL) == [notebook("1 + 1")] * 2
    assert contents(BASIC) == contents(NotebookExecutionJobView(0)) == [b"", b""]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('notebookExecutionJob="b"', ["b"]),
        ('notebook_execution_job!="b"', ["c", "a"]),
        ('displayName="daily a"', ["a"]),
        ('displayName=~"^daily"', ["b", "a"]),
        ('display_name=~"(b|c)$" AND notebook_execution_job!=c', ["b"]),
        ('schedule=~"schedules/7"', ["c"]),
        ("", ["c", "b", "a"]),
    ],
)
def test_filters(notebooks: NotebookServiceClient, query: str, expected: list[str]) -> None:
    """Jobs are found by id, by display name and by schedule, the latter two by regular expressions, too."""
    for job_id, title in (("a", "daily a"), ("b", "daily b"), ("c", "weekly c")):
        schedule = f"{PARENT}/schedules/7" if job_id == "c" else ""
        create(notebooks, job_id, display_name=title, schedule_resource_name=schedule)

    assert ids(notebooks, filter=query) == expected


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"filter": 'labels.team="x"'}, "unknown field 'labels.team'"),
        ({"filter": 'jobState="JOB_STATE_FAILED"'}, "unknown field 'jobState'"),
        ({"filter": 'displayName=~"("'}, "is not a regular expression"),
        ({"filter": 'notebookExecutionJob=~"a"'}, "does not support '=~'"),
        ({"order_by": "end_time"}, "must be one of display_name, create_time, update_time"),
    ],
)
def test_what_the_list_does_not_know(
    notebooks: NotebookServiceClient, query: dict[str, str], reason: str
) -> None:
    """What the reference does not have is refused."""
    with pytest.raises(exceptions.InvalidArgument, match=re.escape(reason)):
        ids(notebooks, **query)


def test_order_and_pages(emulator: Emulator, notebooks: NotebookServiceClient) -> None:
    """A list comes in the order asked for, page by page."""
    for job_id, title in (("a", "2"), ("b", "1"), ("c", "2")):
        create(notebooks, job_id, display_name=title)
        emulator.clock.advance(1)

    assert ids(notebooks, order_by="display_name, create_time desc", page_size=2) == ["b", "c", "a"]


def test_an_active_job_is_stopped_by_its_deletion(
    emulator: Emulator, notebooks: NotebookServiceClient
) -> None:
    """A delete takes an active job away, and ends its creation; there is no other way to stop it."""
    created = notebooks.create_notebook_execution_job(
        parent=PARENT, notebook_execution_job=notebook_job(), notebook_execution_job_id="x"
    )
    name = f"{PARENT}/notebookExecutionJobs/x"

    deleted = notebooks.delete_notebook_execution_job(name=name)

    emulator.clock.advance(1)
    assert deleted.result(timeout=5) is not None
    with pytest.raises(exceptions.Cancelled, match="was deleted"):
        created.result(timeout=5)
    with pytest.raises(exceptions.NotFound):
        notebooks.get_notebook_execution_job(name=name)
    assert not hasattr(notebooks, "cancel_notebook_execution_job")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"display_name": ""}, "Field: display_name"),
        ({"direct_notebook_source": None}, "Field: notebook_source"),
        ({"custom_environment_spec": None}, "Field: environment_spec"),
        ({"service_account": None}, "Field: execution_identity"),
        ({"gcs_output_uri": None}, "Field: gcs_output_uri; Message: Required"),
        ({"gcs_output_uri": "/tmp"}, "'/tmp' must start with gs://"),
        ({"labels": {"Team": "x"}}, "key 'Team'"),
        ({"workbench_runtime": {}, "execution_user": "a@b.c", "service_account": None}, "only supported by"),
    ],
)
def test_bad_jobs_are_refused(
    notebooks: NotebookServiceClient, fields: dict[str, object], reason: str
) -> None:
    """What is missing or malformed is named."""
    given = {name: value for name, value in notebook_job(**fields).items() if value is not None}
    with pytest.raises(exceptions.InvalidArgument, match=re.escape(reason)):
        notebooks.create_notebook_execution_job(parent=PARENT, notebook_execution_job=given)


def test_ids_are_held_to_their_form_and_taken_once(notebooks: NotebookServiceClient) -> None:
    """An id has a form, and is given to one job."""
    create(notebooks, "x")
    with pytest.raises(exceptions.AlreadyExists, match="Notebook execution job with the specified ID"):
        create(notebooks, "x")
    with pytest.raises(exceptions.InvalidArgument, match="notebook_execution_job_id 'a b'"):
        create(notebooks, "a b")
