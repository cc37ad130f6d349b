"""What a Kubeflow Pipelines server says of a run, and what that means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp_server_api
import pytest

from airflow_mljobs.hooks.kfp import KFPRunHook
from airflow_mljobs.hooks.kfp_resources import STATES
from airflow_mljobs.jobs import Job, JobStatus, Progress

V1_WORDS = {"", "Unknown", "Pending", "Running", "Terminating", "Succeeded", "Skipped", "Failed", "Error"}
ENDS = {
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "SKIPPED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "ERROR": JobStatus.FAILED,
    "CANCELED": JobStatus.CANCELLED,
}
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> KFPRunHook:
    """A hook that nobody asks anything."""
    monkeypatch.setenv("AIRFLOW_CONN_KFP_DEFAULT", '{"conn_type": "kfp", "host": "http://localhost:1"}')
    return KFPRunHook()


def at(seconds: float) -> str:
    """Write a time as the server does."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def history(*states: tuple[str, float]) -> list[dict[str, str]]:
    """Write what states a run had, and when."""
    return [{"state": state, "update_time": at(seconds)} for state, seconds in states]


def v2(state: str, **fields: Any) -> dict[str, Any]:
    """Write a run of v2beta1."""
    return {"run_id": "r", "state": state, "created_at": at(-60), **fields}


def v1(status: str, *, workflow: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Write a run of v1beta1."""
    runtime = {"workflow_manifest": json.dumps(workflow or {})}
    return {"run": {"id": "r", "status": status, **fields}, "pipeline_runtime": runtime}


def test_the_table_is_the_services_enum() -> None:
    """Each word of both generations has its meaning, and no other word has one."""
    assert set(kfp_server_api.V2beta1RuntimeState.allowable_values) | V1_WORDS == set(STATES)


@pytest.mark.parametrize("word", STATES)
def test_a_word_means_what_it_says(word: str) -> None:
    """Only the words for an end are ends; under any other the run is still alive."""
    assert ENDS.get(word.upper(), JobStatus.ACTIVE) is STATES[word]


def test_a_run_without_a_state_is_active(hook: KFPRunHook) -> None:
    """A run that the server has only just made has no state, no end and no error."""
    for run in ({"run_id": "r"}, v1(""), v2("RUNNING", finished_at="1970-01-01T00:00:00Z")):
        job = hook.as_job(run)
        assert (job.name, job.status, job.ended, job.error) == ("r", JobStatus.ACTIVE, None, None)


def test_a_word_of_tomorrow_is_active(hook: KFPRunHook, caplog: pytest.LogCaptureFixture) -> None:
    """A word that only a newer server knows never fails a run."""
    assert hook.as_job(v2("PONDERING")).status is JobStatus.ACTIVE
    assert "PONDERING" in caplog.text


def test_times_and_progress(hook: KFPRunHook) -> None:
    """The work began when the run was first running; its tasks are counted by their states."""
    tasks = [
        {"display_name": "a", "state": "SUCCEEDED"},
        {"display_name": "b", "state": "SKIPPED"},
        {"display_name": "c", "state": "RUNNING"},
        {"display_name": "d"},
    ]
    job = hook.as_job(
        v2(
            "RUNNING",
            state_history=history(("PENDING", -50), ("RUNNING", -40)),
            run_details={"task_details": tasks},
        )
    )
    assert (job.created, job.started) == (NOW - timedelta(seconds=60), NOW - timedelta(seconds=40))
    assert job.progress == Progress(total=3, done=2, running=("c",))


def test_the_reason_is_the_servers_and_the_tasks(hook: KFPRunHook) -> None:
    """A failure tells the run's own error, and each failed task with its own."""
    tasks = [
        {"display_name": "train", "state": "FAILED", "error": {"message": "exit code 3"}},
        {"task_id": "evaluate", "state": "FAILED"},
    ]
    run = v2("FAILED", error={"code": 13, "message": "no quota"}, run_details={"task_details": tasks})
    assert hook.as_job(run).error == "no quota\nTask train failed: exit code 3\nTask evaluate failed"


def test_the_reason_in_the_first_generation(hook: KFPRunHook) -> None:
    """Where only Argo's workflow tells of steps, its pods are the tasks."""
    nodes = {
        "n0": {"type": "DAG", "displayName": "main", "phase": "Failed"},
        "n1": {"type": "Pod", "displayName": "train", "phase": "Error", "message": "OOMKilled"},
        "n2": {"type": "Pod", "displayName": "evaluate", "phase": "Omitted"},
    }
    job = hook.as_job(v1("Failed", workflow={"status": {"message": "child failed", "nodes": nodes}}))
    assert job.error == "child failed\nTask train failed: OOMKilled"
    assert job.progress == Progress(total=2, done=1, failed=("train",))


@pytest.mark.parametrize("manifest", ["", "{", "[]"])
def test_a_workflow_that_cannot_be_read_says_nothing(hook: KFPRunHook, manifest: str) -> None:
    """A manifest that is cut off, or is none, does not hide how the run ended."""
    run = v1("Failed", error="gone")
    run["pipeline_runtime"]["workflow_manifest"] = manifest
    job: Job = hook.as_job(run)
    assert (job.status, job.error) == (JobStatus.FAILED, "gone")


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (v2("FAILED", state_history=history(("RUNNING", -9), ("FAILED", -1))), JobStatus.FAILED),
        (
            v2("FAILED", state_history=history(("RUNNING", -9), ("CANCELING", -5), ("FAILED", -1))),
            JobStatus.CANCELLED,
        ),
        (
            # It was stopped, repeated, and failed then.
            v2(
                "FAILED",
                finished_at=at(-1),
                state_history=history(("CANCELING", -9), ("FAILED", -8), ("RUNNING", -5), ("FAILED", -1)),
            ),
            JobStatus.FAILED,
        ),
        (v1("Failed", workflow={"spec": {"activeDeadlineSeconds": 0}}), JobStatus.CANCELLED),
        (v1("Failed", workflow={"spec": {"activeDeadlineSeconds": 60}}), JobStatus.FAILED),
    ],
)
def test_a_run_that_was_told_to_end_is_cancelled(
    hook: KFPRunHook, run: dict[str, Any], status: JobStatus
) -> None:
    """The servers call a terminated run failed; what led there tells the difference."""
    assert hook.as_job(run).status is status


def test_what_was_seen_is_remembered(hook: KFPRunHook) -> None:
    """A run that was seen to be ending has been cancelled, also where its end does not say so."""
    assert hook.as_job(v1("Terminating")).status is JobStatus.ACTIVE
    assert hook.as_job(v1("Failed")).status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("finished", "restarted", "status"),
    [(-30, -5, JobStatus.ACTIVE), (-1, -5, JobStatus.FAILED), (-600, -300, JobStatus.FAILED)],
)
def test_an_end_of_before_a_retry_is_no_end(
    hook: KFPRunHook, finished: float, restarted: float, status: JobStatus
) -> None:
    """A late report of the end before a retry is not taken for an end, unless it stays for minutes."""
    states = history(("RUNNING", -900), ("FAILED", finished), ("RUNNING", restarted), ("FAILED", 0))
    assert hook.as_job(v2("FAILED", finished_at=at(finished), state_history=states)).status is status


def test_an_end_that_is_told_late_is_an_end(hook: KFPRunHook) -> None:
    """A run that had failed before the server heard that it was running has failed, and was not repeated."""
    states = history(("PENDING", -20), ("RUNNING", -5), ("FAILED", -1))
    assert hook.as_job(v2("FAILED", finished_at=at(-10), state_history=states)).status is JobStatus.FAILED
