"""What only AI Platform's jobs have: ids chosen by the user, changes, access policies, and HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from google.api_core import exceptions as api
from googleapiclient.discovery_cache import get_static_doc

from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import InvalidJobSpec, JobConflict, JobNotFound
from airflow_mljobs.hooks import mlengine_service
from airflow_mljobs.hooks.mlengine import MLEngineJobHook
from airflow_mljobs.jobs import FailureKind
from airflow_mljobs.jobs.identity import TASK_LABEL, TaskIdentity
from airflow_mljobs.operators.mlengine import RunMLEngineJobOperator, UpdateMLEngineJobOperator
from contract.drive import Task, submit
from contract.services.mlengine import ML_ENGINE_JOB, TRAINING

# Neither ends nor moves on by itself while a test lasts, so that two looks at it see the same.
HANG = {"emulator-outcome": "hang", "emulator-seconds": "6000"}
SCHEMAS = json.loads(get_static_doc("ml", "v1"))["schemas"]


@pytest.fixture
def hook(emulator: Emulator) -> MLEngineJobHook:
    """A hook on the emulator."""
    return MLEngineJobHook()


@pytest.fixture
def name(emulator: Emulator, task: Task) -> str:
    """The name of a job that does not end by itself."""
    return str(submit(ML_ENGINE_JOB.run, task, labels=HANG | {"team": "risk"})["name"])


def test_the_eight_methods(hook: MLEngineJobHook, task: Task) -> None:
    """The hook has every method of the service, with its own JSON in and out."""
    job_id = f"all_{task.run_id[-12:]}"
    made = hook.create(job={"jobId": job_id, "trainingInput": TRAINING, "labels": HANG})
    assert hook.get(job_id=job_id)["trainingInput"] == made["trainingInput"] == TRAINING
    assert hook.list(filter=f"jobId:{job_id}", page_size=1)["jobs"][0]["jobId"] == job_id

    changed = hook.patch(job_id=job_id, job={"labels": {"a": "1"}}, etag=made["etag"])
    assert changed["labels"] == {"a": "1"}

    bindings = [{"role": "roles/ml.jobOwner", "members": ["user:a@example.com"]}]
    policy = hook.set_iam_policy(job_id=job_id, policy={"bindings": bindings})
    assert hook.get_iam_policy(job_id=job_id, requested_policy_version=1) == policy
    assert hook.test_iam_permissions(job_id=job_id, permissions=["ml.jobs.get"]) == ["ml.jobs.get"]
    assert hook.test_iam_permissions(job_id=f"{job_id}0", permissions=["ml.jobs.get"]) == []

    hook.cancel(job_id=job_id)
    assert hook.get(job_id=job_id)["state"] in {"CANCELLING", "CANCELLED"}


def test_a_method_takes_a_full_name_too(hook: MLEngineJobHook, name: str) -> None:
    """A job is named by its id or by its full name alike."""
    assert hook.get(job_id=name) == hook.get(job_id=name.rpartition("/")[-1], project_id="contract")


def test_a_stale_etag_is_a_conflict(hook: MLEngineJobHook, name: str) -> None:
    """Whoever changes a job second, with the etag of before, is told so by an error of its own kind."""
    etag = hook.get(job_id=name)["etag"]
    hook.patch(job_id=name, job={"labels": {"a": "1"}}, etag=etag)

    with pytest.raises(JobConflict, match=f"{name} was changed since its etag was read"):
        hook.patch(job_id=name, job={"labels": {"a": "2"}}, etag=etag)

    assert hook.get(job_id=name)["labels"] == {"a": "1"}


def test_an_etag_in_the_job_counts(hook: MLEngineJobHook, name: str) -> None:
    """A job that was read, changed and sent back whole does not undo what somebody else did meanwhile."""
    read = hook.get(job_id=name)
    hook.patch(job_id=name, job={"labels": {"a": "1"}})

    with pytest.raises(JobConflict):
        hook.patch(job_id=name, job=read | {"labels": {"a": "2"}})

    assert hook.get(job_id=name)["labels"] == {"a": "1"}


def test_a_stale_access_policy_is_a_conflict(hook: MLEngineJobHook, name: str) -> None:
    """Whoever replaces an access policy second, with the etag of before, is told so in the same way."""
    policy = hook.set_iam_policy(job_id=name, policy={"bindings": []})
    hook.set_iam_policy(job_id=name, policy=policy)

    with pytest.raises(JobConflict, match=f"The access policy of job {name} was changed"):
        hook.set_iam_policy(job_id=name, policy=policy)


def sample(field: dict[str, Any]) -> Any:
    """Return a value for a field that the service's own schema declares."""
    if "$ref" in field:
        return filled(field["$ref"])
    match field:
        case {"type": "array", "items": items}:
            return [sample(items)]
        case {"enum": words}:
            return words[-1]
        case {"format": "int64"}:
            return "1"
        case {"format": "google-duration"}:
            return "60s"
        case {"type": kind}:
            return {"string": "gs://bucket/x", "boolean": True, "integer": 1, "number": 0.5}[kind]
    raise AssertionError(field)


def filled(message: str) -> dict[str, Any]:
    """Return a message with all of its fields."""
    return {name: sample(field) for name, field in SCHEMAS[message]["properties"].items()}


WITH_IMAGE = ("packageUris", "pythonModule", "args", "runtimeVersion")
MODELS = {
    "modelName": "projects/p/models/m",
    "versionName": "projects/p/models/m/versions/v",
    "uri": "gs://bucket/model",
}


@pytest.mark.parametrize("image", [True, False])
def test_all_fields_of_a_training_pass_through(hook: MLEngineJobHook, task: Task, image: bool) -> None:
    """Whatever the service declares of a training reaches it as it was given."""
    spec = filled("GoogleCloudMlV1__TrainingInput")
    if image:
        spec = {name: value for name, value in spec.items() if name not in WITH_IMAGE}
    else:
        for name in ("imageUri", "containerCommand", "containerArgs"):
            del spec["masterConfig"][name]

    job_id = f"whole_{task.run_id[-12:]}"
    hook.create(job={"jobId": job_id, "trainingInput": spec, "labels": HANG})

    assert hook.get(job_id=job_id)["trainingInput"] == spec


@pytest.mark.parametrize("model", MODELS)
def test_all_fields_of_a_prediction_pass_through(hook: MLEngineJobHook, task: Task, model: str) -> None:
    """Whatever the service declares of a batch prediction reaches it as it was given."""
    whole = filled("GoogleCloudMlV1__PredictionInput")
    spec = {name: value for name, value in whole.items() if name not in MODELS} | {model: MODELS[model]}

    job_id = f"whole_{task.run_id[-12:]}"
    hook.create(job={"jobId": job_id, "predictionInput": spec, "labels": HANG})

    assert hook.get(job_id=job_id)["predictionInput"] == spec


def test_a_job_is_found_without_its_labels(hook: MLEngineJobHook, task: Task, emulator: Emulator) -> None:
    """A retry attaches to its job, although somebody replaced the labels that tell whose it is."""
    first = submit(ML_ENGINE_JOB.run, task, labels=HANG)["name"]
    hook.patch(job_id=first, job={"labels": {}})

    assert submit(ML_ENGINE_JOB.run, task)["name"] == first

    hook.cancel(job_id=first)
    second = submit(ML_ENGINE_JOB.run, task, labels=HANG, poll_interval=0.05)["name"]
    hook.patch(job_id=second, job={"labels": {}})

    assert submit(ML_ENGINE_JOB.run, task)["name"] == second != first
    assert emulator.requests.count("CancelJob") == 1


def test_a_copy_labelled_by_hand_is_left_alone(emulator: Emulator, task: Task) -> None:
    """A job that carries the task's label only is nobody's attempt."""
    identity = TaskIdentity(dag_id=task.dag_id, run_id=task.run_id, task_id=task.task_id, epoch=2)
    copy = submit(ML_ENGINE_JOB.run, Task(), durable=False, labels=HANG | {TASK_LABEL: identity.key})["name"]

    assert submit(ML_ENGINE_JOB.run, task, labels=HANG)["name"] != copy


def test_an_update_keeps_what_finds_the_job(name: str, task: Task, emulator: Emulator) -> None:
    """An update replaces the user's labels, and a retry of the task still finds its job."""
    operator = UpdateMLEngineJobOperator(task_id="update", job_id=name, labels={"team": "fraud"})
    changed = operator.execute(Task().context)

    own = {key: text for key, text in changed["labels"].items() if not key.startswith("airflow-")}
    assert (changed["name"], own) == (name, {"team": "fraud"})
    assert submit(ML_ENGINE_JOB.run, task)["name"] == name
    assert emulator.requests.count("CreateJob") == 1


def test_an_update_with_a_stale_etag(name: str) -> None:
    """An update with the etag that an earlier task read fails once somebody else was faster."""
    first = UpdateMLEngineJobOperator(task_id="u", job_id=name, labels={"a": "1"}).execute(Task().context)
    UpdateMLEngineJobOperator(task_id="u", job_id=name, labels={}, etag=first["etag"]).execute(Task().context)

    with pytest.raises(JobConflict):
        UpdateMLEngineJobOperator(task_id="u", job_id=name, labels={}, etag=first["etag"]).execute(
            Task().context
        )


def test_an_update_of_nothing(name: str) -> None:
    """An update of a job that is not there is an error of its own kind."""
    with pytest.raises(JobNotFound, match=f"{name}0"):
        UpdateMLEngineJobOperator(task_id="u", job_id=f"{name}0", labels={}).execute(Task().context)


def chosen(job_id: str) -> RunMLEngineJobOperator:
    """Make an operator that runs a job under a chosen id."""
    job = {"jobId": job_id, "trainingInput": TRAINING}
    return RunMLEngineJobOperator(task_id="run", job=job, wait_for_completion=False)


def test_a_chosen_id_is_used(emulator: Emulator, task: Task) -> None:
    """The first job of a task has the id that the user chose, and a cleared task's has a suffix."""
    job_id = f"chosen_{task.run_id[-12:]}"

    first = chosen(job_id).execute(task.context)["name"]
    again = chosen(job_id).execute(task.cleared().context)["name"]

    assert (first.rpartition("/")[-1], again.rpartition("/")[-1]) == (job_id, f"{job_id}_5_1")


def test_a_taken_id_is_told(emulator: Emulator, task: Task) -> None:
    """An id that another run's job has is refused, with the id and a way out; nothing is adopted."""
    job_id = f"taken_{task.run_id[-12:]}"
    chosen(job_id).execute(Task().context)

    with pytest.raises(InvalidJobSpec, match=rf"job_id='{job_id}' is not valid: must be free"):
        chosen(job_id).execute(task.context)


def test_a_hung_service_is_not_waited_for(
    hook: MLEngineJobHook, name: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is not answered in time ends as silence, and is sent once."""
    monkeypatch.setattr(mlengine_service, "REQUEST_TIMEOUT", 0.2)
    emulator.requests.reset()
    emulator.faults.add(method="GetJob", latency=1.0)

    with pytest.raises(requests.Timeout) as raised:
        hook.get(job_id=name)

    assert hook.failure_kind(raised.value) is FailureKind.UNAVAILABLE
    assert emulator.requests.count("GetJob") == 1


def test_a_broken_connection_is_silence(hook: MLEngineJobHook, name: str, emulator: Emulator) -> None:
    """An answer that breaks off is silence, and the request is not repeated unasked."""
    emulator.requests.reset()
    emulator.faults.add(method="GetJob", after_commit=True)

    with pytest.raises(requests.RequestException) as raised:
        hook.get(job_id=name)

    assert hook.failure_kind(raised.value) is FailureKind.UNAVAILABLE
    assert emulator.requests.count("GetJob") == 1


def test_a_refusal_without_credentials(hook: MLEngineJobHook, name: str, emulator: Emulator) -> None:
    """Being refused for want of credentials is told as such, with the service's words."""
    emulator.faults.add(method="GetJob", code="UNAUTHENTICATED", message="who are you")

    with pytest.raises(api.Unauthenticated, match="who are you"):
        hook.get(job_id=name)


def test_one_hook_serves_many_threads(hook: MLEngineJobHook, name: str) -> None:
    """Requests from several threads at once each get their own answer."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        looks = list(pool.map(hook.look, [name, f"{name}0"] * 20))
    hook.close()

    assert [getattr(look, "name", None) for look in looks] == [name, None] * 20
    assert hook.get_job(name).name == name
