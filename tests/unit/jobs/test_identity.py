"""Whose job it is: keys, labels and ids that a later try finds again."""

from __future__ import annotations

import re
from itertools import product

import pytest

from airflow_mljobs.jobs import TaskIdentity
from airflow_mljobs.jobs.identity import ATTEMPT_LABEL, EPOCH_LABEL, TASK_LABEL, slug

JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
LABEL_KEY = re.compile(r"[a-z][-_a-z0-9]{0,62}")
LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")

HOSTILE = [
    "train",
    "Train.Model__v2",
    "",
    "1st",
    "---",
    "_",
    "9" * 250,
    "a" * 250,
    f"{'a' * 44}-{'b' * 200}",
    "学習",
    "İstanbul",
    "a/b c\n\x00'\"",
    "-x-",
    "😀x\ud800",
]


def identity(**fields: object) -> TaskIdentity:
    """Make an identity of which only the named fields matter."""
    values = {"dag_id": "train", "run_id": "manual__2026-01-02", "task_id": "run"} | fields
    return TaskIdentity(**values)  # type: ignore[arg-type]


def test_the_key_never_changes() -> None:
    """A job of an earlier version of this package is found by the same key."""
    assert identity().key == "8563591932e7fb9377ec5301"


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_all_generations_share_a_key(epoch: int) -> None:
    """A user's clear leaves the key, so that the jobs of before are found."""
    assert identity().key == identity(epoch=epoch).key


def test_labels_tell_task_generation_and_attempt() -> None:
    """The labels hold all that adoption reads, and names that a person reads."""
    who = identity(dag_id="Train.Model", task_id="run_it", epoch=3)
    assert {
        TASK_LABEL: who.key,
        EPOCH_LABEL: "3",
        ATTEMPT_LABEL: "2",
        "airflow-dag-id": "train-model",
        "airflow-task-id": "run-it",
    } == who.labels(attempt=2)


def test_a_job_id_tells_task_generation_and_attempt() -> None:
    """The id reads well, and its end says which job of the task it is."""
    who = identity(dag_id="Train.Model", task_id="run_it", epoch=3)
    assert f"train-model-run-it-{who.key[:16]}-3-2" == who.job_id(attempt=2)


@pytest.mark.parametrize("dag_id", HOSTILE)
def test_any_name_gives_a_valid_job_id(dag_id: str) -> None:
    """Whatever DAG and task are called, the service takes the id."""
    everyone = [
        identity(dag_id=dag_id, task_id=task_id, map_index=12_345, epoch=99_999) for task_id in HOSTILE
    ]
    ids = [who.job_id(attempt=99_999) for who in everyone]
    assert [job_id for job_id in ids if not JOB_ID.fullmatch(job_id)] == []


@pytest.mark.parametrize("dag_id", HOSTILE)
def test_any_name_gives_valid_labels(dag_id: str) -> None:
    """Whatever DAG and task are called, the service takes the labels."""
    everyone = [identity(dag_id=dag_id, task_id=task_id, epoch=99_999) for task_id in HOSTILE]
    labels = [label for who in everyone for label in who.labels(attempt=99_999).items()]
    assert [key for key, _ in labels if not LABEL_KEY.fullmatch(key)] == []
    assert [value for _, value in labels if not LABEL_VALUE.fullmatch(value)] == []


def test_no_two_jobs_collide() -> None:
    """Another map index, run, generation or attempt is another job."""
    numbers = [0, 1, 10, 11, 101, 110]
    everyone = [
        (identity(run_id=run_id, map_index=map_index, epoch=epoch), attempt)
        for run_id, map_index, epoch, attempt in product(["a", "b", "A"], [-1, *numbers], numbers, numbers)
    ]
    assert len(everyone) == len({who.job_id(attempt=attempt) for who, attempt in everyone})
    assert len(everyone) == len({tuple(who.labels(attempt=attempt).items()) for who, attempt in everyone})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dag_id": "a-b", "task_id": "c"}, {"dag_id": "a", "task_id": "b-c"}),
        ({"dag_id": "a.b"}, {"dag_id": "a_b"}),
        ({"dag_id": "Train"}, {"dag_id": "train"}),
        ({"dag_id": f"{'a' * 100}1"}, {"dag_id": f"{'a' * 100}2"}),
        ({"dag_id": "学"}, {"dag_id": "習"}),
        ({"run_id": "x", "task_id": "y"}, {"run_id": "y", "task_id": "x"}),
        ({"run_id": "1", "map_index": 11}, {"run_id": "11", "map_index": 1}),
    ],
)
def test_look_alikes_are_told_apart(one: dict[str, object], other: dict[str, object]) -> None:
    """Names that read the same once made plain still belong to different tasks."""
    assert identity(**one).key != identity(**other).key
    assert identity(**one).job_id(attempt=1) != identity(**other).job_id(attempt=1)


@pytest.mark.parametrize(
    ("text", "limit", "plain"),
    [
        ("Train.Model__v2", 63, "train-model-v2"),
        ("--a--", 63, "a"),
        ("abc-def", 4, "abc"),
        ("", 63, ""),
        ("学習", 63, ""),
    ],
)
def test_a_slug_is_plain(text: str, limit: int, plain: str) -> None:
    """A slug has lower-case letters, digits and single hyphens between them."""
    assert plain == slug(text, limit=limit)
