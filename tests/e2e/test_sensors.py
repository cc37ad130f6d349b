"""Waiting for a job that something else started, on a real Airflow."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.cloud.aiplatform_v1 import JobServiceClient

from e2e.runs import errors_of
from processes import wait_until
from stack import Stack

EXAMPLE, ENDS = "wait_for_a_job", "sensors"


@pytest.fixture(scope="module")
def runs(stack: Stack) -> Iterator[dict[str, str]]:
    """A run of the example, and one in which no sensor sees its job succeed, both ended, by their DAG."""
    started = {dag_id: stack.airflow.trigger(dag_id) for dag_id in (EXAMPLE, ENDS)}

    def have_ended() -> bool:
        stack.servers.check()
        return {"success", "failed"} >= {stack.airflow.run_state(*run) for run in started.items()}

    wait_until(have_ended, within=180, what="The end of the sensors' runs")
    yield started
    # What only its sensor has given up would keep others waiting: few jobs run at once.
    name = stack.airflow.xcom(ENDS, started[ENDS], "lasting")["name"]
    with grpc.insecure_channel(stack.emulator.grpc) as channel:
        transport = JobServiceClient.get_transport_class("grpc")(channel=channel)
        JobServiceClient(transport=transport).cancel_custom_job(name=name)


def test_example_dag(stack: Stack, runs: dict[str, str]) -> None:
    """A deferred sensor waits for a job that another task started, and hands it on."""
    run = EXAMPLE, runs[EXAMPLE]

    job = stack.airflow.xcom(*run, "wait")
    assert stack.airflow.run_state(*run) == "success"
    assert job["name"] == stack.airflow.xcom(*run, "start")["name"]
    assert (job["status"], job["state"]) == ("succeeded", stack.emulator.job(job["name"])["state"])
    assert job["state"] in stack.airflow.xcom(*run, "report")
    assert stack.airflow.xcom(*run, "wait", key="_link_CustomJobLink") == job["url"]


def test_a_soft_sensor_skips(stack: Stack, runs: dict[str, str]) -> None:
    """A sensor that fails softly is skipped when its job fails, and its log has the service's reason."""
    run = ENDS, runs[ENDS]

    assert stack.airflow.tasks(*run)["soft"]["state"] == "skipped"
    assert "exited with a non-zero status of 3" in errors_of(stack, *run, "soft")


def test_a_timeout_is_not_retried(stack: Stack, runs: dict[str, str]) -> None:
    """A sensor whose time is up over its reschedules fails for good, and its job goes on."""
    run = ENDS, runs[ENDS]
    task = stack.airflow.tasks(*run)["out_of_time"]
    name = stack.airflow.xcom(*run, "lasting")["name"]

    error = errors_of(stack, *run, "out_of_time")

    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert f"Stopped waiting for job {name}: the sensor's timeout of 4.0 s passed" in error
    assert "It keeps running; this task only watched it" in error
    assert stack.emulator.job(name)["state"] == "JOB_STATE_RUNNING"
