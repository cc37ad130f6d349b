"""What the services' state words mean, held against their enums."""

from __future__ import annotations

import enum
import logging

import pytest
from google.cloud.aiplatform_v1 import types

from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.hooks.outcome import raise_unless_succeeded
from airflow_mljobs.hooks.vertex_ai.base import VertexAIJobHook
from airflow_mljobs.hooks.vertex_ai.custom_job import CustomJobHook
from airflow_mljobs.hooks.vertex_ai.notebook_execution_job import NotebookExecutionJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_job import PipelineJobHook
from airflow_mljobs.jobs import JobStatus

TABLES: list[tuple[type[JobHook], type[enum.Enum]]] = [
    (PipelineJobHook, types.PipelineState),
    (CustomJobHook, types.JobState),
    (NotebookExecutionJobHook, types.JobState),
]
ENDS = {
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "PARTIALLY_SUCCEEDED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "EXPIRED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
}


@pytest.mark.parametrize(("hook_class", "words"), TABLES)
def test_the_table_is_the_services_enum(hook_class: type[JobHook], words: type[enum.Enum]) -> None:
    """Each word of the service has its meaning, and no other word has one."""
    assert {word.name for word in words} == set(hook_class.states)


@pytest.mark.parametrize(("hook_class", "words"), TABLES)
def test_a_word_means_what_it_says(hook_class: type[JobHook], words: type[enum.Enum]) -> None:
    """Only five words are ends; under any other the job is still alive."""
    expected = {word.name: ENDS.get(word.name.partition("_STATE_")[2], JobStatus.ACTIVE) for word in words}
    assert expected == hook_class.states


@pytest.mark.parametrize(("hook_class", "words"), TABLES)
def test_a_new_word_is_active_and_warned_of(
    hook_class: type[JobHook], words: type[enum.Enum], caplog: pytest.LogCaptureFixture
) -> None:
    """A word that only a newer service knows never fails a job; it is told once."""
    status = hook_class().status_of("STATE_OF_TOMORROW")
    warned = [
        r for r in caplog.records if (r.name, r.levelno) == ("airflow_mljobs.hooks.base", logging.WARNING)
    ]
    assert (status, len(warned)) == (JobStatus.ACTIVE, 1)
    assert "STATE_OF_TOMORROW" in warned[0].getMessage()


@pytest.mark.parametrize(
    ("hook", "resource"),
    [
        (PipelineJobHook, types.PipelineJob(name="projects/p/locations/r/pipelineJobs/j", state=99)),
        (CustomJobHook, types.CustomJob(name="projects/p/locations/r/customJobs/j", state=99)),
        (
            NotebookExecutionJobHook,
            types.NotebookExecutionJob(name="projects/p/locations/r/notebookExecutionJobs/j", job_state=99),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Unrecognized:UserWarning:proto")
def test_a_number_without_a_word_is_active(hook: type[VertexAIJobHook], resource: object) -> None:
    """A state that the installed client cannot name is told by its number, and the job lives on."""
    job = hook().as_job(resource)
    assert (job.state, job.status) == ("99", JobStatus.ACTIVE)


def test_a_partial_success_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A job that succeeded in part is a success that somebody should look at."""
    state = types.JobState.JOB_STATE_PARTIALLY_SUCCEEDED
    resource = types.CustomJob(name="projects/p/locations/r/customJobs/j", state=state)

    job = raise_unless_succeeded(CustomJobHook().as_job(resource))

    assert job.status is JobStatus.SUCCEEDED
    assert "in part only" in caplog.text
