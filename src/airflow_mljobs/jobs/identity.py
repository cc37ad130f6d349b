"""Who a job belongs to, written so that a later try finds it again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

TASK_LABEL = "airflow-task-key"
"""The same for every job that one task instance ever started."""

EPOCH_LABEL = "airflow-epoch"
"""The generation: a user's clear begins a new one, a retry does not."""

ATTEMPT_LABEL = "airflow-attempt"
"""Counts the jobs of one generation, from 1."""

JOB_NAME = "job_name"
"""The XCom that holds the name of a try's job from its submission on."""


@dataclass(frozen=True, kw_only=True)
class TaskIdentity:
    """One generation of one task instance, which has at most one job at a time.

    :param dag_id: the DAG.
    :param run_id: its run.
    :param task_id: the task.
    :param map_index: the index of a mapped task, else -1.
    :param epoch: ``ti.max_tries``, which a retry leaves as it is and a user's clear raises.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    epoch: int = 0

    @property
    def key(self) -> str:
        """A short digest of the task instance, alike in all its generations."""
        parts = json.dumps([self.dag_id, self.run_id, self.task_id, self.map_index])
        return hashlib.sha256(parts.encode()).hexdigest()[:24]

    def labels(self, *, attempt: int) -> dict[str, str]:
        """Labels that let a job be found by its task, and a person see where it came from."""
        return {
            TASK_LABEL: self.key,
            EPOCH_LABEL: str(self.epoch),
            ATTEMPT_LABEL: str(attempt),
            "airflow-dag-id": slug(self.dag_id, limit=63),
            "airflow-task-id": slug(self.task_id, limit=63),
        }

    def job_id(self, *, attempt: int, limit: int = 128) -> str:
        """Make the one id of an attempt, of lower-case letters, digits and hyphens.

        :param attempt: counts the jobs of the generation.
        :param limit: the most characters that the service takes, 50 or more.
        """
        title = f"{slug(self.dag_id, limit=45)}-{slug(self.task_id, limit=45)}".strip("-")
        prefix = title if title[:1].isalpha() else f"airflow-{title}".strip("-")
        mark = f"-{self.key[:16]}-{self.epoch}-{attempt}"
        return prefix[: limit - len(mark)].rstrip("-") + mark


def slug(text: str, *, limit: int) -> str:
    """Reduce a text to lower-case letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:limit].strip("-")
