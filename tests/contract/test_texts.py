"""Each text on the page of texts is really told: all ways to go wrong are gone, and what was said is read."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, Asset, AssetAlias
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.timeout import timeout

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.hooks.listing import Listing
from airflow_mljobs.hooks.outcome import raise_unless_succeeded
from airflow_mljobs.jobs import Failure, FailureKind, Job, JobStatus
from airflow_mljobs.operators import kill
from airflow_mljobs.operators.kfp import ArchiveKFPRunOperator, RetryKFPRunOperator, UnarchiveKFPRunOperator
from airflow_mljobs.operators.mlengine import UpdateMLEngineJobOperator
from airflow_mljobs.triggers import base as triggers
from contract.drive import Task, reborn, run_task, submit
from contract.services import CUSTOM_JOB, KFP_RUN_V2, ML_ENGINE_JOB, PIPELINE_JOB
from contract.services.base import PROJECT, REGION
from contract.test_kill import Supervisor, submitted
from error_table import pattern_of, texts_of_page

SERVICE = CUSTOM_JOB
METHODS = SERVICE.methods
HANG = {"emulator-outcome": "hang"}
FAST = {"poll_interval": 0.05}
SLOW_SERVICE = {"poll_interval": 0.05, "poll_failure_tolerance": 0.01}


class Told:
    """All that a user has been told."""

    def __init__(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.emulator, self.monkeypatch = emulator, monkeypatch
        self.errors: list[str] = []

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Read the error that comes."""
        try:
            yield
        except Exception as error:
            self.errors.append(str(error))
        else:
            raise AssertionError("nothing went wrong")

    @contextmanager
    def fault(self, verb: str, code: str, **fault: Any) -> Iterator[None]:
        """Have a request of the service meet an error."""
        self.emulator.faults.add(method=METHODS[verb], code=code, **fault)
        yield
        self.emulator.faults.clear()


def submitting(told: Told) -> None:
    """Submit, find again, and be refused."""
    task = Task()
    submit(SERVICE.run, task, labels=HANG)
    submit(SERVICE.run, task, labels=HANG)
    done = Task()
    run_task(SERVICE.run, done, mode="worker", **FAST)
    run_task(SERVICE.run, done, mode="worker", **FAST)
    with told.fault("create", "UNAVAILABLE", times=9), told.failing():
        submit(SERVICE.run, Task(), poll_failure_tolerance=0.5)
    for code in ("PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"):
        with told.fault("create", code), told.failing():
            submit(SERVICE.run, Task())
    for code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE"):
        with told.fault("create", code), told.failing():
            submit(SERVICE.run, Task(), durable=False)
    with told.fault("list", "PERMISSION_DENIED"), told.failing():
        submit(SERVICE.run, Task())
    submit(PIPELINE_JOB.run, Task(), job_id="taken")
    with told.failing():
        submit(PIPELINE_JOB.run, Task(), job_id="taken")


def clearing(told: Told) -> None:
    """Clear a task whose job is at work, and retry one whose job is half cancelled."""
    for cancels in (True, False):
        task = Task()
        submit(SERVICE.run, task, labels=HANG)
        submit(SERVICE.run, task.cleared(), cancel_on_kill=cancels)
    task = Task()
    name = submit(SERVICE.run, task, labels=HANG)["name"]
    SERVICE.run().hook.cancel_job(name)
    submit(SERVICE.run, task, **FAST)


def experimenting(told: Told) -> None:
    """Submit by the hook, and add the run to an experiment that is not there."""
    hook: Any = PIPELINE_JOB.run().hook
    template: Any = PIPELINE_JOB.run()
    # It returns an object of the SDK, whose import takes seconds, and says before what is of interest.
    with told.monkeypatch.context() as patch, told.failing():
        patch.setitem(sys.modules, "google.cloud.aiplatform", None)
        hook.submit_pipeline_job(
            project_id=PROJECT,
            region=REGION,
            display_name="texts",
            template_path=template.template_path,
        )
    name = submit(PIPELINE_JOB.run, Task())["name"]
    hook.add_to_experiment(name, experiment="nowhere")


def waiting(told: Told) -> None:
    """Wait for jobs that end, in every way, and for a service that does not answer."""
    for mode in ("worker", "deferrable"):
        for service in (SERVICE, PIPELINE_JOB):
            run_task(service.run, Task(), mode=mode, **FAST)
    for outcome in ("failed", "cancelled"):
        with told.failing():
            run_task(SERVICE.run, Task(), mode="worker", labels={"emulator-outcome": outcome}, **FAST)
    with told.fault("get", "NOT_FOUND", times=2), told.failing():
        run_task(SERVICE.run, Task(), mode="worker", **FAST)
    for durable in (True, False):
        with told.fault("get", "UNAVAILABLE", times=9), told.failing():
            run_task(SERVICE.run, Task(), mode="deferrable", durable=durable, **SLOW_SERVICE)
    with told.fault("get", "INVALID_ARGUMENT", times=9), told.failing():
        run_task(SERVICE.run, Task(), mode="worker", **FAST)
    with told.failing(), timeout(1):
        run_task(SERVICE.run, Task(), mode="worker", labels=HANG, **FAST)
    with told.fault("list", "UNAVAILABLE", latency=9), told.failing(), timeout(1):
        submit(SERVICE.run, Task())
    with told.fault("create", "UNAVAILABLE", latency=9), told.failing(), timeout(1):
        submit(SERVICE.run, Task(), durable=False)
    with told.failing():
        SERVICE.run().execute_complete(Task().context, {"job": None, "error": None})


def judging(told: Told) -> None:
    """Hear what only a service of its own mood says."""
    hook = SERVICE.run().hook
    hook.status_of("STATE_OF_TOMORROW")
    job = Job(name=f"projects/{PROJECT}/locations/{REGION}/customJobs/1", state="X", status=JobStatus.FAILED)
    with told.failing():
        raise_unless_succeeded(job)
    told.errors.append(str(hook.complete(job).error))
    half = Job(name="j", state="JOB_STATE_PARTIALLY_SUCCEEDED", status=JobStatus.SUCCEEDED)
    raise_unless_succeeded(half)
    denied = Failure(kind=FailureKind.DENIED, message="no list for you")
    Listing(hook=hook, clock=time.monotonic).refused(denied)


def killing(told: Told) -> None:
    """Kill tasks on their worker, at all moments."""
    told.monkeypatch.setattr(kill, "KILLED_WITHIN", 0.5)
    submitted(SERVICE, Task()).on_kill()
    submitted(SERVICE, Task(), cancel_on_kill=False).on_kill()
    SERVICE.run().on_kill()
    SERVICE.run(cancel_on_kill=False).on_kill()
    with told.fault("cancel", "PERMISSION_DENIED", times=99):
        submitted(SERVICE, Task()).on_kill()
    operator = SERVICE.run()
    operator._identity = operator._identify(Task().context)
    with told.fault("list", "PERMISSION_DENIED", times=99):
        operator.on_kill()
    operator = SERVICE.run()
    operator.on_kill()
    with told.failing():
        operator.execute(Task().context)
    late = SERVICE.run(labels=HANG)
    job = late.hook.look(submit(SERVICE.run, Task(), labels=HANG)["name"])
    late._killed = True
    with told.failing():
        late._take(job)


def deferred(task: Task, **kwargs: Any) -> Any:
    """Return the trigger of a task that is deferred."""
    with pytest.raises(TaskDeferred) as raised:
        SERVICE.run(labels=HANG, deferrable=True, **kwargs).execute(task.context)
    trigger = reborn(raised.value.trigger)
    trigger.task_instance = task  # type: ignore[assignment]
    return trigger


def killing_while_deferred(told: Told) -> None:
    """Kill deferred tasks, or what looks like it."""
    told.monkeypatch.setattr(triggers, "CANCEL_WITHIN", 0.5)
    told.monkeypatch.setattr(triggers, "ASK_WITHIN", 0.1)

    def kill_with(state: str, trigger: Any) -> None:
        supervisor = Supervisor(trigger.task_instance, state=state)
        told.monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
        asyncio.run(trigger.on_kill())

    first = deferred(Task())
    kill_with("failed", first)
    kill_with("failed", first)
    kill_with("deferred", deferred(Task()))
    kill_with("failed", deferred(Task(), cancel_on_kill=False))
    gone = deferred(Task())
    gone.job_name += "0"
    kill_with("failed", gone)
    with told.fault("cancel", "PERMISSION_DENIED", times=99):
        kill_with("failed", deferred(Task()))
    unasked = deferred(Task())
    told.monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", None)
    asyncio.run(unasked.on_kill())
    task = Task()
    submit(SERVICE.run, task, labels=HANG)
    for error in ("Trigger failure", "Trigger timeout"):
        with told.failing():
            SERVICE.run().resume_execution("__fail__", {"error": error}, task.context)


def watching(told: Told) -> None:
    """Wait for jobs that something else started, in vain, and be killed meanwhile."""
    quick = {"poke_interval": 0.05, "deferrable": False}
    failed = submit(SERVICE.run, Task(), labels={"emulator-outcome": "failed"})["name"]
    running = submit(SERVICE.run, Task(), labels=HANG)["name"]
    for name, settings in ((failed, {}), (f"{failed}0", {}), (running, {"timeout": 0.2})):
        with told.failing():
            SERVICE.sensor(name, **settings, **quick).execute(Task().context)
    with told.fault("get", "INVALID_ARGUMENT"), told.failing():
        SERVICE.sensor(running, **quick).execute(Task().context)
    SERVICE.sensor(running).on_kill()
    with told.failing():
        SERVICE.sensor(running).resume_execution("__fail__", {"error": "Trigger failure"}, Task().context)


def telling(told: Told) -> None:
    """Tell outlets of a job that nobody knows, or that cannot be made of its output."""
    operator: Any = SERVICE.run(outlets=[Asset.ref(name="nowhere"), AssetAlias("files")])
    job = operator.hook.get_job(submit(SERVICE.run, Task())["name"])
    output = {"base_output_directory": {"output_uri_prefix": "gs://contract/" + "a" * 1500}}
    operator.custom_job["job_spec"] = operator.custom_job["job_spec"] | output
    operator._tell_assets(Task().context | {"outlet_events": Task().outlet_events}, job)


def looking(told: Told) -> None:
    """Get, list, cancel and delete, what there is and what there is not."""
    name = submit(SERVICE.run, Task(), labels=HANG)["name"]
    with told.failing():
        SERVICE.one["get"](f"{name}0").execute(Task().context)
    SERVICE.many().execute(Task().context)
    SERVICE.one["cancel"](f"{name}0").execute(Task().context)
    SERVICE.one["cancel"](name).execute(Task().context)
    ended = run_task(SERVICE.run, Task(), mode="worker", **FAST)["name"]
    SERVICE.one["cancel"](ended).execute(Task().context)
    SERVICE.one["delete"](ended).execute(Task().context)
    run_id = submit(KFP_RUN_V2.run, Task())["name"]
    for operator in (ArchiveKFPRunOperator, UnarchiveKFPRunOperator):
        operator(task_id="one", kfp_conn_id="kfp_v2beta1", run_id=run_id).execute(Task().context)
    RetryKFPRunOperator(
        task_id="one", kfp_conn_id="kfp_v2beta1", run_id=run_id, wait_for_completion=False
    ).execute(Task().context)
    job_id = submit(ML_ENGINE_JOB.run, Task())["name"]
    UpdateMLEngineJobOperator(task_id="one", job_id=job_id, labels={}).execute(Task().context)


def reading_files(told: Told) -> None:
    """Give the names of files that hold no job."""
    files = {"a.json": "{", "a.yaml": "[", "b.yaml": "[]", "c.yaml": "{{"}
    for name in (*files, "nowhere.yaml", "text"):
        with DAG("d", schedule=None, jinja_environment_kwargs={"loader": _dict_loader(files)}):
            operator = SERVICE.run()
        operator.custom_job = name  # type: ignore[attr-defined]
        operator.render_template_fields(Task().context)
        with told.failing():
            operator.execute(Task().context)


def _dict_loader(files: dict[str, str]) -> Any:
    import jinja2

    return jinja2.DictLoader(files)


SCENES: tuple[Callable[[Told], None], ...] = (
    submitting,
    clearing,
    experimenting,
    waiting,
    judging,
    killing,
    killing_while_deferred,
    watching,
    telling,
    looking,
    reading_files,
)


def test_each_text_on_the_page_is_told(
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What the page says that a task tells, in its log or its error, it tells."""
    told = Told(emulator, monkeypatch)
    with caplog.at_level(logging.INFO, logger="airflow_mljobs"):
        for scene in SCENES:
            scene(told)

    # An operator's own lines go to the task's log, which stands on the output here; a hook's to its logger.
    lines = [*capsys.readouterr().out.splitlines(), *caplog.text.splitlines()]
    said = [line for line in lines if "uvicorn" not in line] + [" ".join(e.split()) for e in told.errors]
    untold = [text for text in texts_of_page() if not any(map(pattern_of(text).search, said))]
    assert untold == []
