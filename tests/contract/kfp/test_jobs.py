"""One run for each generation of a task, and runs that are repeated."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import yaml
from airflow.providers.common.compat.sdk import AirflowException

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import JobFailed
from airflow_mljobs.hooks.kfp_errors import KFPServerError
from airflow_mljobs.jobs import JobStatus
from airflow_mljobs.operators import kfp
from contract.drive import Task, run_task, submit
from contract.kfp.runs import FAST, a_run, hook_of
from contract.services.base import Service
from contract.services.kfp import KFP_RUN_V1, KFP_RUN_V2, PACKAGE


def retry(service: Service, run_id: str, **kwargs: Any) -> kfp.RetryKFPRunOperator:
    """Make a Retry operator."""
    conn = service.run().kfp_conn_id
    return kfp.RetryKFPRunOperator(task_id="retry", kfp_conn_id=conn, run_id=run_id, **kwargs)


def failed_run(service: Service) -> str:
    """Return a run that has failed, and succeeds when it is retried."""
    task = Task()
    with pytest.raises(JobFailed):
        run_task(service.run, task, mode="worker", labels={"emulator-outcome": "failed,succeeded"}, **FAST)
    return str(task.xcoms["_link_KFPRunLink"].rpartition("/")[-1])


def test_a_failed_run_is_repeated(service: Service, mode: str, emulator: Emulator) -> None:
    """A failed run is run again as the same run, and waited for."""
    run_id = failed_run(service)

    result = run_task(lambda **kwargs: retry(service, run_id, **kwargs), Task(), mode=mode, **FAST)

    assert (result["name"], result["status"]) == (run_id, "succeeded")
    assert emulator.requests.count("RetryRun") == 1


def test_a_run_that_succeeded_is_not_repeated(service: Service, mode: str, emulator: Emulator) -> None:
    """Of a run that has succeeded in the meantime the result is taken."""
    run_id = str(run_task(service.run, Task(), mode="worker", **FAST)["name"])

    result = run_task(lambda **kwargs: retry(service, run_id, **kwargs), Task(), mode=mode, **FAST)

    assert result["status"] == "succeeded"
    assert emulator.requests.count("RetryRun") == 0


def test_a_lost_answer_to_a_retry_is_made_good(service: Service, emulator: Emulator) -> None:
    """A retry whose answer is lost is not sent to a run that is at work again."""
    run_id = failed_run(service)
    emulator.faults.add(method="RetryRun", after_commit=True)

    assert retry(service, run_id, **FAST).execute(Task().context)["status"] == "succeeded"
    assert emulator.requests.count("RetryRun") == 1


def at_work_again(service: Service, task: Task) -> kfp.RetryKFPRunOperator:
    """Return an operator that has begun a run anew, which does not end by itself."""
    run_id = a_run(service, **{"emulator-outcome": "failed,hang"})
    operator = retry(service, run_id, wait_for_completion=False, **FAST)
    hook = hook_of(service)
    while hook.get_job(run_id).status is JobStatus.ACTIVE:
        time.sleep(0.01)
    operator.execute(task.context)
    return operator


def test_a_retry_whose_trigger_timed_out_ends_the_run(service: Service, emulator: Emulator) -> None:
    """When Airflow gives up the trigger of a Retry in time, the run is ended as any other."""
    task = Task()
    run_id = at_work_again(service, task).run_id

    with pytest.raises(AirflowException, match="Trigger timeout"):
        retry(service, run_id).resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_killed_retry_ends_the_run(service: Service, emulator: Emulator) -> None:
    """A Retry that is killed asks once for its run to end."""
    at_work_again(service, Task()).on_kill()

    assert emulator.requests.count(service.methods["cancel"]) == 1


def test_a_pipeline_given_whole_is_no_template(service: Service, task: Task) -> None:
    """The braces of a compiled pipeline are kfp's own: it runs as it was written."""
    whole = yaml.safe_load(PACKAGE.read_text())
    operator = service.run(pipeline_file=whole, run_name="on {{ day }}", **FAST)

    operator.render_template_fields({"day": "monday"})

    assert "{{$}}" in str(whole)
    assert (operator.pipeline_file, operator.run_name) == (whole, "on monday")
    assert operator.execute(task.context)["status"] == "succeeded"


def test_a_server_that_chooses_ids_gets_one_run(
    server: Any, mode: str, task: Task, emulator: Emulator
) -> None:
    """A server of release 1.8 ignores the id; the run is found by its name, and still made once."""
    server.change({"release": "1.8"})
    emulator.faults.add(method="CreateRun", after_commit=True)
    first = submit(KFP_RUN_V1.run, task)

    assert run_task(KFP_RUN_V1.run, task, mode=mode, **FAST)["name"] == first["name"]
    assert emulator.requests.count("CreateRun") == 1


def test_an_error_of_the_servers_own_is_not_repeated(task: Task, emulator: Emulator) -> None:
    """A create that the server answers with an error of its own, as to wrong input, is sent once."""
    with pytest.raises(KFPServerError, match=r"not found.*HTTP 500"):
        submit(KFP_RUN_V2.run, task, pipeline_file=None, **uploaded_nowhere())

    assert emulator.requests.count("CreateRun") == 1


def uploaded_nowhere() -> dict[str, str]:
    """Name a version of a pipeline that the server does not have."""
    return {"pipeline_id": "nowhere", "pipeline_version_id": "nowhere"}


def test_many_attempts_are_found(task: Task, emulator: Emulator) -> None:
    """Also a task that was begun more often than is looked for at once has one run at a time."""
    names = set()
    for _ in range(10):
        with pytest.raises(JobFailed):
            run_task(
                KFP_RUN_V2.run,
                task,
                mode="worker",
                labels={"emulator-outcome": "failed", "emulator-seconds": "0-01"},
                poll_interval=0.02,
            )
        names.add(task.xcoms["_link_KFPRunLink"])

    assert len(names) == 10


def test_nothing_of_the_transport_is_logged(
    service: Service,
    task: Task,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An error in the log tells the server's words, and no headers."""
    emulator.faults.add(method=service.methods["create"], code="UNAVAILABLE", message="the words")
    with caplog.at_level(logging.DEBUG):
        submit(service.run, task)

    # An operator's own lines go to the task's log, which stands on the output here.
    told = capsys.readouterr().out
    assert "The submit met the words (HTTP 503)" in told
    assert "content-length" not in (told + caplog.text).lower()
