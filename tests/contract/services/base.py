"""What the suite needs to know of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_mljobs.jobs import JobStatus
from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.sensors.base import JobSensor

PROJECT = "contract"
REGION = "europe-west4"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service of the suite.

    :param name: shown in the tests' ids.
    :param run: the Run operator, ready but for what a test says: labels of the job and base arguments.
    :param broken: the same with a resource that can be seen to be wrong from here.
    :param reason: what a failed job's error must hold.
    :param one: the operators for one job that the service has, by verb: ``get``, ``cancel``, ``delete``.
    :param many: the List operator.
    :param sensor: the sensor, for a job and with base arguments.
    :param methods: full method names, by what they do; ``cancel`` is what a kill sends.
    :param cancelled: the status of a job after a kill, or nothing where a kill leaves no job.
    :param cancels_by: what the service is asked for when a job is to be stopped.
    :param name_of: the job's name in what Get and List return.
    :param inputs: the addresses of what ``run`` reads.
    :param outputs: the same of what it writes; ``{job_id}`` stands for the job's.
    :param marked: arguments of ``run`` that mark a job, and the filter by which ``many`` finds it.
    """

    name: str
    run: Callable[..., RunJobOperator]
    broken: Callable[..., RunJobOperator]
    reason: str
    one: Mapping[str, Callable[[str], JobOperator]]
    many: Callable[..., JobOperator]
    sensor: Callable[..., JobSensor]
    methods: Mapping[str, str]
    cancelled: JobStatus | None = JobStatus.CANCELLED
    cancels_by: str = "cancel"
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    name_of: Callable[[Mapping[str, Any]], str] = lambda resource: str(resource["name"])
    marked: Callable[[str], tuple[dict[str, Any], str]] = lambda mark: (
        {"labels": {"batch": mark}},
        f'labels.batch="{mark}"',
    )
