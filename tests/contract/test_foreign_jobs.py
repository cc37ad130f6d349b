"""Jobs that are not the task's, though they look like it."""

from __future__ import annotations

import pytest

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.jobs.identity import TASK_LABEL, TaskIdentity
from contract.drive import Task, submit
from contract.services.vertex_ai import CUSTOM_JOB, PIPELINE_JOB


def test_a_taken_id_is_told(emulator: Emulator, task: Task) -> None:
    """An id that another run's job has is refused, with the id and a way out."""
    job_id = f"nightly-{task.run_id[-12:]}"
    submit(PIPELINE_JOB.run, Task(), job_id=job_id)

    with pytest.raises(InvalidJobSpec, match=rf"job_id='{job_id}' is not valid: must be free.*run_id"):
        submit(PIPELINE_JOB.run, task, job_id=job_id)

    assert emulator.requests.count("CreatePipelineJob") == 2


def test_a_chosen_id_is_used(emulator: Emulator, task: Task) -> None:
    """The first job of a task has the id that the user chose, and a cleared task's has a suffix."""
    job_id = f"chosen-{task.run_id[-12:]}"

    first = submit(PIPELINE_JOB.run, task, job_id=job_id)["name"]
    again = submit(PIPELINE_JOB.run, task.cleared(), job_id=job_id)["name"]

    assert first.endswith(f"/{job_id}")
    assert again.endswith(f"/{job_id}-5-1")


def test_a_copy_labelled_by_hand_is_left_alone(emulator: Emulator, task: Task) -> None:
    """A job that carries the task's label only is nobody's attempt."""
    identity = TaskIdentity(dag_id=task.dag_id, run_id=task.run_id, task_id=task.task_id, epoch=2)
    copy = submit(CUSTOM_JOB.run, Task(), durable=False, labels={TASK_LABEL: identity.key})["name"]

    assert submit(CUSTOM_JOB.run, task)["name"] != copy
