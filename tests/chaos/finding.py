"""What came of a trial, compared with what had to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.services import as_shown

if TYPE_CHECKING:
    from chaos.trial import Trial

EPOCH = "airflow-epoch"
"""The label that tells the generation of a job; runs of Kubeflow Pipelines have none."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was wrong with a trial; all zero and no words when nothing was."""

    duplicates: int = 0
    orphans: int = 0
    wrong: int = 0
    words: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.duplicates or self.orphans or self.wrong)


def judge(trial: Trial) -> Finding:
    """Judge a trial by what there is of it now; the cheapest looks come first."""
    if trial.trouble:
        return Finding(wrong=1, words=trial.trouble)
    finding = _judge_jobs(trial)
    if not finding.is_good:
        return finding
    words = _tries(trial) or _generations(trial) or _requests(trial) or _result(trial) or _log(trial)
    return Finding(wrong=int(bool(words)), words=words)


def _judge_jobs(trial: Trial) -> Finding:
    expected = as_shown(trial.service, trial.point.jobs)
    statuses, state = trial.statuses(), trial.task_state()
    if (statuses, state) == (expected, trial.point.state):
        return Finding()
    duplicates = max(0, len(statuses) - len(expected))
    orphans = max(0, statuses.count("active") - expected.count("active"))
    return Finding(
        duplicates=duplicates,
        orphans=orphans,
        wrong=int(state != trial.point.state or not (duplicates or orphans)),
        words=f"task {state}, jobs {statuses}; expected: task {trial.point.state}, jobs {expected}",
    )


def _tries(trial: Trial) -> str:
    if trial.missed and trial.point.sure:
        return "the kill met nothing, though there was time for it"
    expected = 1 if trial.missed else trial.point.tries
    return "" if trial.tries() == expected else f"the task had {trial.tries()} tries; expected: {expected}"


def _generations(trial: Trial) -> str:
    epochs = [job["labels"].get(EPOCH) for job in trial.jobs()]
    if None in epochs or len(epochs) < len(trial.point.jobs):  # no labels, or a job that was deleted
        return ""
    wrong = len(set(epochs)) != trial.point.generations
    return f"the jobs' generations are {epochs}; expected: {trial.point.generations}" if wrong else ""


def _requests(trial: Trial) -> str:
    expected = len(trial.point.jobs) + trial.point.refused, trial.point.cancels
    if trial.sent in {None, expected}:
        return ""
    return f"creates and cancels that were sent: {trial.sent}; expected: {expected}"


def _result(trial: Trial) -> str:
    if trial.point.state != "success":
        return ""
    job, result = trial.jobs()[-1], trial.result()
    if result and (result["name"], result["status"]) == (job["name"], "succeeded"):
        return ""
    return f"the result is not that of job {job['name']}"


def _log(trial: Trial) -> str:
    # A clear is heard by the trigger and by the next try; whoever is quicker asks for the cancel.
    said = trial.point.said
    tries = range(1, trial.tries() + 1)
    if not said or any(said in trial.log(number) for number in tries):
        return ""
    return f"no log of the task says {said!r}"
