"""What a trigger says when it fires; its service is a dict in memory."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, ClassVar, NoReturn

import pytest
from unit_samples import NAME, make_job

from airflow_mljobs._compat import TRIGGERS_HEAR_KILLS
from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.hooks.lists import Page, Question
from airflow_mljobs.jobs import Attempt, FailureKind, Job, JobStatus, Progress, TaskIdentity
from airflow_mljobs.triggers import base as module
from airflow_mljobs.triggers.base import JobTrigger

LONG = 50_000


class MemoryHook(JobHook):
    """A service whose whole world is one answer."""

    answer: ClassVar[Job | Exception]
    states: ClassVar = {}

    def get_job(self, name: str) -> Job:
        """Give the answer."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def failure_kind(self, error: BaseException) -> FailureKind:
        """Take a key error for an answer of "not found"."""
        return FailureKind.MISSING if isinstance(error, KeyError) else FailureKind.OTHER

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find nothing."""
        return []

    def page_of(self, question: Question, then: Any) -> Page:
        """List nothing."""
        return Page(entries=(), size=0, then=None)

    def cancel_job(self, name: str) -> NoReturn:
        """Fail, as nobody may ask."""
        raise AssertionError(name)

    delete_job = cancel_job

    def close(self) -> None:
        """Have nothing to close."""


class MemoryTrigger(JobTrigger):
    """Waits for the job of that service."""

    hook_class = f"{__name__}:MemoryHook"


async def event_of(answer: Job | Exception, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Any:
    """Run a trigger to its one event."""
    monkeypatch.setattr(MemoryHook, "answer", answer, raising=False)
    trigger = MemoryTrigger(**{"job_name": NAME, "hook_params": {}, "poll_interval": 0.001} | fields)
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1
    return events[0]


@pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED])
async def test_an_ended_job_is_the_event(status: JobStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event carries the job as it ended, and no error."""
    ended = make_job(status)
    assert {"job": ended.to_dict(), "error": None} == await event_of(ended, monkeypatch)


async def test_an_event_outlasts_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's end is told once Airflow has noticed that of the worker which deferred the task."""
    monkeypatch.setattr(module, "WORKER_TOLD_WITHIN", 0.3)
    begin = time.monotonic()

    await event_of(make_job(JobStatus.SUCCEEDED), monkeypatch)

    assert time.monotonic() - begin >= 0.3


async def test_a_later_end_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for the worker counts from the trigger's start, and not from the job's end."""
    monkeypatch.setattr(module, "WORKER_TOLD_WITHIN", 1.0)
    monkeypatch.setattr(MemoryHook, "answer", make_job(), raising=False)
    trigger = MemoryTrigger(job_name=NAME, hook_params={}, poll_interval=0.001)
    waiting = asyncio.ensure_future(anext(trigger.run()))
    await asyncio.sleep(1.0)

    MemoryHook.answer = make_job(JobStatus.SUCCEEDED)

    begin = time.monotonic()
    await waiting
    assert time.monotonic() - begin < 0.9


class WatchedTrigger(MemoryTrigger):
    """Says when it has its event, and whether it was killed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.has_event = asyncio.Event()
        self.was_killed = False

    async def _wait(self) -> dict[str, Any]:
        event = await super()._wait()
        self.has_event.set()
        return event

    async def on_kill(self) -> None:
        """Write it down."""
        self.was_killed = True


async def test_a_kill_is_heard_while_the_worker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger that waits to tell its event can be cancelled; below Airflow 3.3 that may be a kill."""
    monkeypatch.setattr(module, "WORKER_TOLD_WITHIN", 60.0)
    monkeypatch.setattr(MemoryHook, "answer", make_job(JobStatus.SUCCEEDED), raising=False)
    trigger = WatchedTrigger(job_name=NAME, hook_params={}, poll_interval=0.001)
    waiting = asyncio.ensure_future(anext(trigger.run()))
    await trigger.has_event.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert trigger.was_killed is not TRIGGERS_HEAR_KILLS


async def test_a_deadline_is_told_with_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """When time is up, the event carries the job as it was seen last."""
    event = await event_of(make_job(), monkeypatch, deadline=1.0)
    message = "the task's deadline passed"
    assert {
        "job": make_job().to_dict(),
        "error": {"verdict": "timeout", "message": message, "job_name": NAME},
    } == event


@pytest.mark.parametrize(
    ("error", "verdict", "message"),
    [
        (ValueError("no such luck"), "error", "ValueError: no such luck"),
        (KeyError("gone"), "not_found", "KeyError: 'gone'"),
    ],
)
async def test_a_lost_job_is_told_with_the_reason(
    error: Exception, verdict: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the job was never seen, the event says why, and of which job it speaks."""
    expected = {"job": None, "error": {"verdict": verdict, "message": message, "job_name": NAME}}
    assert expected == await event_of(error, monkeypatch)


@pytest.mark.parametrize("char", ["x", "é", "😀", "\x00"])
async def test_an_event_without_a_job_stays_small(char: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event stays under 4 KB whatever the service's client has to say."""
    event = await event_of(ValueError(char * LONG), monkeypatch)
    assert event["error"]["verdict"] == "error"
    assert len(json.dumps(event)) < 4096


@pytest.mark.parametrize("char", ["x", "é", "😀", "\x00"])
async def test_an_event_with_a_job_stays_small(char: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event stays under 4 KB whatever the job's own error is."""
    event = await event_of(make_job(JobStatus.FAILED, error=char * LONG), monkeypatch)
    assert len(json.dumps(event)) < 4096


async def test_an_event_at_the_deadline_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event stays under 4 KB when a job with much to tell is given up."""
    name = f"projects/{'p' * 30}/locations/northamerica-northeast1/pipelineJobs/{'j' * 128}"
    tasks = tuple(f"{n:0100}" for n in range(500))
    job = make_job(
        name=name,
        url=f"https://console.cloud.google.com/vertex-ai/{name}",
        error="x" * LONG,
        progress=Progress(total=1000, done=0, running=tasks, failed=tasks),
    )
    event = await event_of(job, monkeypatch, deadline=1.0, job_name=name)
    assert event["error"]["verdict"] == "timeout"
    assert len(json.dumps(event)) < 4096
