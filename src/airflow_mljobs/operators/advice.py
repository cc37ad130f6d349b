"""What to do next: the last words of what is told when a task does not succeed."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_mljobs.jobs import FailureKind, Verdict

AFTER_THE_END = "A retry or a clear of this task begins it anew."

AFTER_A_WATCH = "This task only watched it: run again what started it."

OUT_OF_TIME = "If time was short, raise execution_timeout. A retry begins it anew, unless it still runs."

NOT_KNOWN = "Whether there is a job of it is not known: look for it by hand."

AFTER_A_REFUSAL: Mapping[FailureKind, str] = {
    FailureKind.DENIED: "Give the connection's account the right to submit it, then clear the task.",
    FailureKind.MISSING: "What it names, or the place where it is looked for, is wrong: look at both.",
    FailureKind.QUOTA: "A retry may find room later; otherwise ask for more quota.",
}


def after_refusal(kind: FailureKind) -> str:
    """Say what to do about a submit that the service refused."""
    return AFTER_A_REFUSAL.get(kind, "Mend what it names, then clear the task.")


def when_left(verdict: Verdict, *, durable: bool) -> str:
    """Say what to do about a job that is not waited for any longer, and was not cancelled.

    :param verdict: why the waiting ended.
    :param durable: whether a retry finds the job again.
    """
    if verdict is Verdict.NOT_FOUND:
        return "A retry submits it anew."
    if not durable:
        return "Nobody waits for it, and as durable is off, a retry submits another: cancel it, if unwanted."
    if verdict is Verdict.UNREACHABLE:
        return "A retry of this task attaches to it, once the service can be reached."
    return "A retry of this task attaches to it; the error does not pass by itself, so look into it first."
