"""What is true of jobs on every service: no Airflow, no client, no clock in here."""

from __future__ import annotations

from airflow_mljobs.jobs.adoption import Attach, Attempt, Submit, TakeResult, adopt
from airflow_mljobs.jobs.identity import TaskIdentity
from airflow_mljobs.jobs.job import Job, JobStatus, Progress, describe_change
from airflow_mljobs.jobs.polling import Failure, FailureKind, Finish, GiveUp, Poller, Verdict, Wait
from airflow_mljobs.jobs.telling import Teller, describe_miss

__all__ = [
    "Attach",
    "Attempt",
    "Failure",
    "FailureKind",
    "Finish",
    "GiveUp",
    "Job",
    "JobStatus",
    "Poller",
    "Progress",
    "Submit",
    "TakeResult",
    "TaskIdentity",
    "Teller",
    "Verdict",
    "Wait",
    "adopt",
    "describe_change",
    "describe_miss",
]
