"""The scripted engine: nothing runs, and every job goes through its states on time."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_mljobs.emulator.execution.base import Phase, StoredJob, TaskUpdate, Update
from airflow_mljobs.emulator.services.pipeline_spec import tasks_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_mljobs.emulator.agenda import Agenda, Event
    from airflow_mljobs.emulator.clock import Clock

log = logging.getLogger(__name__)

OUTCOME_LABEL = "emulator-outcome"
SECONDS_LABEL = "emulator-seconds"
TASK_LABEL = "emulator-task"

_HANG = "hang"
_OUTCOMES: Mapping[str, Phase | None] = {
    "succeeded": Phase.SUCCEEDED,
    "failed": Phase.FAILED,
    "cancelled": Phase.CANCELLED,
    _HANG: None,
}
_START = 0.1
_SECONDS = re.compile(r"\d+([.-]\d+)?")


class SimulateEngine:
    """Writes the whole life of a job into the agenda when the job starts.

    A job's labels overrule the defaults: `emulator-outcome` (succeeded, failed, cancelled, hang),
    `emulator-seconds` (`5`, `0.5`, or `0-5` where a label takes no point) and `emulator-task`, the task of a
    pipeline that fails.
    """

    def __init__(self, *, agenda: Agenda, clock: Clock, seconds: float, cancel_seconds: float) -> None:
        self._agenda = agenda
        self._clock = clock
        self._seconds = seconds
        self._cancel_seconds = cancel_seconds

    def start(self, job: StoredJob) -> None:
        """Plan the job from now to its end."""
        self._agenda.add(job.name, self._plan(job))

    def cancel(self, job: StoredJob) -> None:
        """Replace the plan by a prompt end."""
        self._agenda.drop(job.name)
        end = self._clock.now() + timedelta(seconds=self._cancel_seconds)
        self._agenda.add(job.name, [(end, Update(phase=Phase.CANCELLED))])

    def recover(self, jobs: Sequence[StoredJob]) -> None:
        """Plan anew the jobs without a plan, such as those of another engine; the others have kept theirs."""
        for job in jobs:
            if not self._agenda.has(job.name):
                (self.cancel if job.phase is Phase.CANCELLING else self.start)(job)

    def close(self) -> None:
        """Nothing runs."""

    def _plan(self, job: StoredJob) -> list[Event]:
        now, seconds = self._clock.now(), self._duration(job)
        outcome = _choose(job, OUTCOME_LABEL, "succeeded", _OUTCOMES)
        end = _OUTCOMES[outcome]

        def at(share: float) -> timedelta:
            return timedelta(seconds=seconds * share)

        plan = [(now + at(_START), Update(phase=Phase.RUNNING))]
        if end is None:
            return plan
        tasks = tasks_of(job.pipeline.spec) if job.pipeline else {}
        failing = ""
        if end is Phase.FAILED and tasks:
            failing = _choose(job, TASK_LABEL, list(tasks)[-1], tasks)
        step = (1 - _START) / max(len(tasks), 1)
        for number, (name, phase) in enumerate(_fates(tasks, failing).items()):
            begin, finish = now + at(_START + number * step), now + at(_START + (number + 1) * step)
            plan.append((begin, Update(tasks=[TaskUpdate(name=name, phase=Phase.RUNNING)])))
            error = job.failure if phase is Phase.FAILED else None
            plan.append((finish, Update(tasks=[TaskUpdate(name=name, phase=phase, error=error)])))
        error = job.failure if end is Phase.FAILED else None
        return [*plan, (now + at(1), Update(phase=end, error=error))]

    def _duration(self, job: StoredJob) -> float:
        text = job.labels.get(SECONDS_LABEL, "")
        if not text:
            return self._seconds
        if not _SECONDS.fullmatch(text):
            log.warning("%s: label %s=%r is not a number such as 5 or 0-5", job.name, SECONDS_LABEL, text)
            return self._seconds
        return float(text.replace("-", "."))


def _choose(job: StoredJob, label: str, default: str, known: Mapping[str, object]) -> str:
    chosen = job.labels.get(label, default)
    if chosen in known:
        return chosen
    log.warning("%s: label %s=%r is none of %s", job.name, label, chosen, ", ".join(known))
    return default


def _fates(tasks: Mapping[str, frozenset[str]], failing: str) -> dict[str, Phase]:
    """Let one task fail, and whatever waits for it never begin; the rest of the pipeline runs on."""
    fates: dict[str, Phase] = {}
    lost = {failing}
    for name, upstream in tasks.items():
        if upstream & lost:
            lost.add(name)
        else:
            fates[name] = Phase.FAILED if name == failing else Phase.SUCCEEDED
    return fates
