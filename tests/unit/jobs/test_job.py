"""A job as a value: its JSON form, its size, and the words it is told in."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from unit_samples import NAME, START, make_job

from airflow_mljobs.jobs import Job, JobStatus, Progress, describe_change
from airflow_mljobs.jobs.job import ERROR_BYTES, TASKS_NAMED, format_duration, shorten

EVENT_BYTES = 4096
LONG_NAME = f"projects/{'p' * 30}/locations/northamerica-northeast1/pipelineJobs/{'j' * 128}"
FULL = Job(
    name=NAME,
    state="PIPELINE_STATE_FAILED",
    status=JobStatus.FAILED,
    error="boom",
    url="https://console.example/j",
    created=START,
    started=START + timedelta(seconds=1),
    ended=START + timedelta(seconds=61),
    progress=Progress(total=3, done=1, running=("b",), failed=("a", "c")),
)


@pytest.mark.parametrize("job", [FULL, make_job()], ids=["full", "empty"])
def test_a_job_survives_json(job: Job) -> None:
    """A job comes back equal from its JSON form."""
    assert job == Job.from_dict(json.loads(json.dumps(job.to_dict())))


@pytest.mark.parametrize("job", [FULL, make_job()], ids=["full", "empty"])
def test_the_dict_always_has_the_same_keys(job: Job) -> None:
    """A reader of the dict finds every field, set or not."""
    assert [field.name for field in dataclasses.fields(Job)] == list(job.to_dict())


def test_the_dict_holds_plain_values() -> None:
    """Nothing but JSON's own types is in a job's dict."""
    values = FULL.to_dict()
    assert values == json.loads(json.dumps(values))
    assert {str, dict} == {type(value) for value in values.values()}


def test_a_job_cannot_be_changed() -> None:
    """A job is one look, and stays what it was."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.state = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (
            {
                "created": START,
                "started": START + timedelta(seconds=5),
                "ended": START + timedelta(seconds=9),
            },
            4,
        ),
        ({"created": START, "ended": START + timedelta(seconds=9)}, 9),
        ({"created": START, "started": START}, None),
        ({"ended": START}, None),
    ],
    ids=["started", "never started", "not ended", "no beginning"],
)
def test_a_duration_runs_from_the_start_of_the_work(times: dict[str, Any], seconds: float | None) -> None:
    """A job's duration begins with its work, or else with its creation, and needs an end."""
    duration = make_job(**times).duration
    assert seconds == (duration.total_seconds() if duration is not None else None)


@pytest.mark.parametrize("text", ["", "short", "x" * (ERROR_BYTES - 2)])
def test_a_text_that_fits_is_left_alone(text: str) -> None:
    """A text whose JSON form fits is not touched."""
    assert text == shorten(text, limit=ERROR_BYTES)


@pytest.mark.parametrize("filler", ["x", "é", "😀", "\x00", "\n", '"', "\ud800"])
@pytest.mark.parametrize("limit", [200, 500, ERROR_BYTES])
def test_a_long_text_keeps_head_and_tail(filler: str, limit: int) -> None:
    """A shortened text fits, begins and ends as it did, and shows where it was cut."""
    short = shorten(f"HEAD{filler * 5_000}TAIL", limit=limit)
    assert (short[:4], short[-4:], " […] " in short) == ("HEAD", "TAIL", True)
    assert limit // 2 <= len(json.dumps(short)) <= limit


@pytest.mark.parametrize("length", range(ERROR_BYTES - 4, ERROR_BYTES + 8))
def test_a_text_just_too_long_is_cut_to_fit(length: int) -> None:
    """The limit holds on both sides of it."""
    assert len(json.dumps(shorten("x" * length, limit=ERROR_BYTES))) <= ERROR_BYTES


@pytest.mark.parametrize("char", ["x", "é", "😀", "\x00", '"'])
def test_an_event_stays_under_four_kilobytes_whatever_the_error(char: str) -> None:
    """The error text of any characters leaves a trigger's event under 4 KB."""
    assert len(_event(error=char * 50_000, task="t" * 100)) < EVENT_BYTES


@pytest.mark.parametrize("char", ["é", "😀", "\x00", '"'])
def test_an_event_stays_under_four_kilobytes_whatever_the_task_names(char: str) -> None:
    """Task names of any characters leave a trigger's event under 4 KB."""
    assert len(_event(error="x" * 50_000, task=char * 100)) < EVENT_BYTES


def _event(*, error: str, task: str) -> str:
    job = dataclasses.replace(
        FULL,
        name=LONG_NAME,
        url=f"https://console.cloud.google.com/vertex-ai/{LONG_NAME}",
        error=error,
        progress=Progress(total=10_000, done=1_000, running=(task,) * 500, failed=(task,) * 500),
    )
    return json.dumps({"job": job.to_dict(), "error": None})


def test_progress_names_only_some_tasks() -> None:
    """A pipeline of many tasks names the first few, each shortened."""
    progress = Progress(total=500, done=0, running=("r" * 200,) * 100, failed=("f",) * 100)
    assert len(progress.running) == TASKS_NAMED
    assert all(name.startswith("rrr") and len(name) <= 63 for name in progress.running)
    assert progress.failed == ("f",) * TASKS_NAMED


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(total=3, done=1), "1 of 3 tasks done"),
        (Progress(total=3, done=1, running=("a", "b")), "1 of 3 tasks done; running: a, b"),
        (Progress(total=3, done=1, failed=("c",)), "1 of 3 tasks done; failed: c"),
        (
            Progress(total=3, done=0, running=("a",), failed=("c",)),
            "0 of 3 tasks done; running: a; failed: c",
        ),
    ],
)
def test_progress_reads_as_a_sentence(progress: Progress, text: str) -> None:
    """Progress is told in one short line."""
    assert text == str(progress)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.24, "3.2 s"),
        (59.9, "59.9 s"),
        (59.97, "1 min 00 s"),
        (60, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7380, "2 h 03 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_a_duration_is_written_as_a_person_would(seconds: float, text: str) -> None:
    """Durations are rounded to what a reader wants to know."""
    assert text == format_duration(timedelta(seconds=seconds))


STARTED = make_job(state="RUNNING", progress=Progress(total=2, done=0, running=("a",)))
HALF = make_job(state="RUNNING", progress=Progress(total=2, done=1, running=("b",)))


@pytest.mark.parametrize(
    ("before", "now", "line"),
    [
        (None, make_job(state="QUEUED"), f"Job {NAME} is QUEUED"),
        (make_job(state="QUEUED"), make_job(state="QUEUED"), None),
        (make_job(state="QUEUED"), make_job(state="QUEUED", error="new"), None),
        (make_job(state="QUEUED"), make_job(state="RUNNING"), f"Job {NAME} is RUNNING"),
        (STARTED, STARTED, None),
        (STARTED, HALF, f"Job {NAME} is RUNNING: 1 of 2 tasks done; running: b"),
        (
            HALF,
            FULL,
            f"Job {NAME} is PIPELINE_STATE_FAILED after 1 min 00 s: "
            "1 of 3 tasks done; running: b; failed: a, c",
        ),
        (HALF, make_job(JobStatus.SUCCEEDED), f"Job {NAME} is SUCCEEDED"),
        (None, make_job(created=START, ended=START), f"Job {NAME} is ACTIVE"),
    ],
    ids=[
        "first look",
        "nothing new",
        "only the error is new",
        "new state",
        "same progress",
        "new progress",
        "the end",
        "an end without times",
        "no duration while active",
    ],
)
def test_a_change_is_told_once(before: Job | None, now: Job, line: str | None) -> None:
    """A log line appears when state or progress changed, and never otherwise."""
    assert line == describe_change(before, now)
