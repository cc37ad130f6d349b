"""AI Platform's jobs, through the official discovery-based client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httplib2
import pytest
import requests
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from airflow_mljobs.emulator.server import Emulator

PARENT = "projects/my-project"
TRAINING = {
    "region": "europe-west1",
    "scaleTier": "BASIC",
    "packageUris": ["gs://bucket/trainer.tar.gz"],
    "pythonModule": "train",
}
PREDICTION = {
    "region": "europe-west1",
    "dataFormat": "JSON",
    "uri": "gs://bucket/model",
    "inputPaths": ["gs://bucket/in/*.json"],
    "outputPath": "gs://bucket/out",
}


@pytest.fixture
def jobs(emulator: Emulator) -> Iterator[Any]:
    """The resource `projects.jobs` of the official client."""
    options = {"api_endpoint": f"{emulator.http_url}/"}
    client = build("ml", "v1", http=httplib2.Http(timeout=10), client_options=options, cache_discovery=False)
    yield client.projects().jobs()
    client.close()


def create(jobs: Any, job_id: str, **fields: Any) -> dict[str, Any]:
    """Create a training job."""
    body = {"jobId": job_id, "trainingInput": TRAINING} | fields
    made: dict[str, Any] = jobs.create(parent=PARENT, body=body).execute()
    return made


def refusal(request: Any) -> dict[str, Any]:
    """Send a request that must be refused, and return the error's envelope."""
    with pytest.raises(HttpError) as raised:
        request.execute()
    error: dict[str, Any] = json.loads(raised.value.content)["error"]
    assert error["code"] == raised.value.status_code
    return error


def test_life_of_a_training_job(jobs: Any, emulator: Emulator) -> None:
    """A job is queued, runs and succeeds, with its times."""
    made = create(jobs, "first", labels={"team": "risk"})
    assert (made["state"], made["jobId"], made["labels"]) == ("QUEUED", "first", {"team": "risk"})
    assert made["trainingInput"] == TRAINING

    emulator.clock.advance(20)
    running = jobs.get(name=f"{PARENT}/jobs/first").execute()
    assert running["state"] == "RUNNING"
    assert "endTime" not in running

    emulator.clock.advance(100)
    done = jobs.get(name=f"{PARENT}/jobs/first").execute()
    assert done["state"] == "SUCCEEDED"
    assert done["createTime"] < done["startTime"] < done["endTime"]
    assert "errorMessage" not in done


def test_a_prediction_names_its_output(jobs: Any) -> None:
    """A batch prediction says from the start where its results will be."""
    made = jobs.create(parent=PARENT, body={"jobId": "p", "predictionInput": PREDICTION}).execute()
    assert made["predictionOutput"] == {"outputPath": "gs://bucket/out"}


def test_fields_are_normalised(jobs: Any) -> None:
    """Either case of a field is read, 64-bit numbers become text, and what only the service writes goes."""
    spec = TRAINING | {
        "scaleTier": "CUSTOM",
        "master_type": "n1-standard-4",
        "workerCount": 2,
        "workerType": "x",
    }
    made = create(jobs, "n", trainingInput=spec, state="FAILED", createTime="2000-01-01T00:00:00Z")
    assert made["trainingInput"]["workerCount"] == "2"
    assert made["trainingInput"]["masterType"] == "n1-standard-4"
    assert made["state"] == "QUEUED"
    assert made["createTime"] > "2020"


def test_failure_has_a_message(jobs: Any, emulator: Emulator) -> None:
    """A failed job says why."""
    create(jobs, "f", labels={"emulator-outcome": "failed"})
    emulator.clock.advance(200)
    failed = jobs.get(name=f"{PARENT}/jobs/f").execute()
    assert failed["state"] == "FAILED"
    assert "exited with a non-zero status of 1" in failed["errorMessage"]


def test_cancel(jobs: Any, emulator: Emulator) -> None:
    """A cancelled job ends as such, and one that has ended cannot be cancelled."""
    create(jobs, "c")
    name = f"{PARENT}/jobs/c"
    assert jobs.cancel(name=name, body={}).execute() == {}
    assert jobs.get(name=name).execute()["state"] == "CANCELLING"
    assert jobs.cancel(name=name, body={}).execute() == {}

    emulator.clock.advance(200)
    ended = jobs.get(name=name).execute()
    assert (ended["state"], bool(ended["errorMessage"])) == ("CANCELLED", True)
    assert refusal(jobs.cancel(name=name, body={}))["status"] == "FAILED_PRECONDITION"


def test_an_id_is_taken_once(jobs: Any) -> None:
    """A second job of the same id is refused, in the service's words."""
    create(jobs, "one")
    error = refusal(jobs.create(parent=PARENT, body={"jobId": "one", "trainingInput": TRAINING}))
    assert (error["code"], error["status"]) == (409, "ALREADY_EXISTS")
    assert error["message"] == "Field: job.job_id Error: A job with this id already exists."
    assert error["details"][0]["fieldViolations"][0]["field"] == "job.job_id"


def test_a_job_that_is_not_there(jobs: Any) -> None:
    """Every method for one job answers that there is none; only permissions are empty then."""
    name = f"{PARENT}/jobs/none"
    requests_for_one = [
        jobs.get(name=name),
        jobs.cancel(name=name, body={}),
        jobs.patch(name=name, updateMask="labels", body={"labels": {}}),
        jobs.getIamPolicy(resource=name),
        jobs.setIamPolicy(resource=name, body={"policy": {}}),
    ]
    assert [refusal(request)["status"] for request in requests_for_one] == ["NOT_FOUND"] * 5
    body = {"permissions": ["ml.jobs.get"]}
    assert jobs.testIamPermissions(resource=name, body=body).execute() == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"jobId": "a-b", "trainingInput": TRAINING}, "job.job_id"),
        ({"trainingInput": TRAINING}, "job.job_id"),
        ({"jobId": "a"}, "Exactly one of"),
        ({"jobId": "a", "trainingInput": TRAINING, "predictionInput": PREDICTION}, "Exactly one of"),
        ({"jobId": "a", "trainingInput": TRAINING | {"region": ""}}, "training_input.region"),
        ({"jobId": "a", "trainingInput": TRAINING | {"packageUris": []}}, "training_input.package_uris"),
        ({"jobId": "a", "trainingInput": TRAINING | {"pythonModule": ""}}, "training_input.python_module"),
        ({"jobId": "a", "trainingInput": TRAINING | {"scaleTier": "HUGE"}}, "job.trainingInput.scaleTier"),
        ({"jobId": "a", "trainingInput": TRAINING | {"scaleTier": "CUSTOM"}}, "training_input.master_type"),
        ({"jobId": "a", "trainingInput": TRAINING | {"workerCount": 1}}, "training_input.worker_count"),
        ({"jobId": "a", "trainingInput": TRAINING | {"workerCount": "x"}}, "job.trainingInput.workerCount"),
        ({"jobId": "a", "trainingInput": TRAINING | {"jobDir": "/tmp"}}, "'/tmp' is not an address"),
        ({"jobId": "a", "trainingInput": TRAINING | {"args": [1]}}, "job.trainingInput.args[0]"),
        ({"jobId": "a", "trainingInput": TRAINING | {"speed": 1}}, 'Unknown name "speed"'),
        ({"jobId": "a", "trainingInput": "x"}, "job.trainingInput"),
        ({"jobId": "a", "predictionInput": PREDICTION | {"uri": ""}}, "prediction_input.model_version"),
        (
            {"jobId": "a", "predictionInput": PREDICTION | {"dataFormat": None}},
            "prediction_input.data_format",
        ),
        ({"jobId": "a", "predictionInput": PREDICTION | {"inputPaths": ["x"]}}, "'x' is not an address"),
        ({"jobId": "a", "trainingInput": TRAINING, "labels": {"A": "x"}}, "labels"),
        ({"jobId": "a", "trainingInput": TRAINING, "labels": {"a": 1}}, "job.labels.a"),
    ],
)
def test_bad_jobs_are_refused(jobs: Any, body: dict[str, Any], words: str) -> None:
    """A job that breaks a rule is INVALID_ARGUMENT, with the field in the message."""
    error = refusal(jobs.create(parent=PARENT, body=body))
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert words in error["message"]


def test_no_json_is_refused(emulator: Emulator) -> None:
    """A body that is no JSON is INVALID_ARGUMENT."""
    answer = requests.post(f"{emulator.http_url}/v1/{PARENT}/jobs", data="{", timeout=10)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("", ["rnn_2", "rnn_1", "census_1"]),
        ("jobId:census*", ["census_1"]),
        ("jobId:rnn* AND state:FAILED", ["rnn_2"]),
        ("state=FAILED", ["rnn_2"]),
        ("state!=FAILED", ["rnn_1", "census_1"]),
        ('labels.team="risk"', ["rnn_1"]),
        ("labels.team:*", ["rnn_1"]),
        ('createTime>"2020-01-01T00:00:00Z" AND NOT jobId:rnn*', ["census_1"]),
        ("state:RUNNING", []),
    ],
)
def test_list_filters(jobs: Any, emulator: Emulator, filter: str, found: list[str]) -> None:
    """A list is filtered by the attributes of a job, newest first; an empty one has no field at all."""
    create(jobs, "census_1")
    create(jobs, "rnn_1", labels={"team": "risk"})
    create(jobs, "rnn_2", labels={"emulator-outcome": "failed"})
    jobs.create(parent="projects/other", body={"jobId": "o", "trainingInput": TRAINING}).execute()
    emulator.clock.advance(200)
    answer = jobs.list(parent=PARENT, filter=filter).execute()
    assert [job["jobId"] for job in answer.get("jobs", [])] == found
    assert found or answer == {}


@pytest.mark.parametrize("filter", ["jobId", "speed=1", "state:", "labels=x"])
def test_bad_filters_are_refused(jobs: Any, filter: str) -> None:
    """A filter that cannot be read is INVALID_ARGUMENT."""
    assert refusal(jobs.list(parent=PARENT, filter=filter))["status"] == "INVALID_ARGUMENT"


def test_pages(jobs: Any) -> None:
    """A page has 20 jobs unless asked, 100 at most, and the client's own pager walks them all."""
    names = [create(jobs, f"j{number}")["jobId"] for number in range(103)]
    assert len(jobs.list(parent=PARENT).execute()["jobs"]) == 20
    assert len(jobs.list(parent=PARENT, pageSize=500).execute()["jobs"]) == 100

    found: list[str] = []
    request = jobs.list(parent=PARENT, pageSize=50)
    while request is not None:
        page = request.execute()
        found += [job["jobId"] for job in page["jobs"]]
        request = jobs.list_next(request, page)
    assert found == names[::-1]

    token = jobs.list(parent=PARENT, pageSize=1).execute()["nextPageToken"]
    for wrong in ({"pageToken": token, "filter": "state:FAILED"}, {"pageToken": "x"}, {"pageSize": -1}):
        assert refusal(jobs.list(parent=PARENT, **wrong))["status"] == "INVALID_ARGUMENT"


def test_patch_replaces_labels(jobs: Any) -> None:
    """New labels take the place of the old ones, and the etag changes."""
    made = create(jobs, "p", labels={"a": "1"})
    name = f"{PARENT}/jobs/p"
    changed = jobs.patch(name=name, updateMask="labels", body={"labels": {"b": "2"}}).execute()
    assert changed["labels"] == {"b": "2"}
    assert changed["etag"] != made["etag"]
    assert jobs.list(parent=PARENT, filter="labels.b=2").execute()["jobs"] == [changed]


def test_patch_holds_the_etag(jobs: Any) -> None:
    """With an etag the change is made once only; whoever comes second is told of a conflict."""
    made = create(jobs, "p")
    request = {
        "name": f"{PARENT}/jobs/p",
        "updateMask": "labels,etag",
        "body": {"labels": {"a": "1"}, "etag": made["etag"]},
    }
    assert jobs.patch(**request).execute()["labels"] == {"a": "1"}
    error = refusal(jobs.patch(**request))
    assert (error["code"], error["status"]) == (409, "ABORTED")


@pytest.mark.parametrize("mask", [None, "state", "labels,trainingInput"])
def test_patch_of_anything_else_is_refused(jobs: Any, mask: str | None) -> None:
    """Only labels can be changed, and the mask must say so."""
    create(jobs, "p")
    request = jobs.patch(name=f"{PARENT}/jobs/p", updateMask=mask, body={"labels": {}})
    assert refusal(request)["status"] == "INVALID_ARGUMENT"


def test_access_policy(jobs: Any) -> None:
    """A policy is empty until it is set, and is guarded by its etag."""
    create(jobs, "p")
    name = f"{PARENT}/jobs/p"
    assert jobs.getIamPolicy(resource=name).execute() == {}
    bindings = [{"role": "roles/ml.jobOwner", "members": ["user:a@example.com"]}]

    policy = jobs.setIamPolicy(resource=name, body={"policy": {"bindings": bindings}}).execute()
    assert (policy["bindings"], policy["version"]) == (bindings, 1)
    assert jobs.getIamPolicy(resource=name, options_requestedPolicyVersion=1).execute() == policy

    again = {"policy": {"bindings": [], "etag": policy["etag"]}}
    assert jobs.setIamPolicy(resource=name, body=again).execute()["bindings"] == []
    assert refusal(jobs.setIamPolicy(resource=name, body=again))["status"] == "ABORTED"
    assert refusal(jobs.setIamPolicy(resource=name, body={}))["status"] == "INVALID_ARGUMENT"
    jobs.setIamPolicy(resource=name, body={"policy": {"bindings": bindings}}).execute()
    assert "bindings" not in jobs.setIamPolicy(resource=name, body={"policy": {}}).execute()
    version = jobs.getIamPolicy(resource=name, options_requestedPolicyVersion=2)
    assert refusal(version)["status"] == "INVALID_ARGUMENT"


def test_permissions(jobs: Any) -> None:
    """Everybody may do everything, and a wildcard is no permission."""
    create(jobs, "p")
    name = f"{PARENT}/jobs/p"
    body = {"permissions": ["ml.jobs.get", "ml.jobs.cancel"]}
    assert jobs.testIamPermissions(resource=name, body=body).execute() == body
    wild = jobs.testIamPermissions(resource=name, body={"permissions": ["ml.*"]})
    assert refusal(wild)["status"] == "INVALID_ARGUMENT"


def test_requests_are_counted_by_method(jobs: Any, emulator: Emulator) -> None:
    """Each of the eight methods is counted under its own name, also one that is refused."""
    create(jobs, "p")
    name = f"{PARENT}/jobs/p"
    for request in (
        jobs.get(name=name),
        jobs.list(parent=PARENT),
        jobs.patch(name=name, updateMask="labels", body={}),
        jobs.getIamPolicy(resource=name),
        jobs.setIamPolicy(resource=name, body={"policy": {}}),
        jobs.testIamPermissions(resource=name, body={}),
        jobs.cancel(name=name, body={}),
    ):
        request.execute()
    refusal(jobs.get(name=f"{name}0"))
    methods = ("Create", "Get", "Patch", "Cancel")
    counted = emulator.requests.counts()
    assert [counted[f"ml.v1/{method}Job"] for method in methods] == [1, 2, 1, 1]
    others = ("ListJobs", "GetIamPolicy", "SetIamPolicy", "TestIamPermissions")
    assert [counted[f"ml.v1/{method}"] for method in others] == [1, 1, 1, 1]


def test_console_page(jobs: Any, emulator: Emulator) -> None:
    """A link to the service's console leads to the emulator's page of the job."""
    create(jobs, "shown")
    page = requests.get(f"{emulator.http_url}/ai-platform/jobs/shown?project=my-project", timeout=10)
    assert page.ok
    assert "europe-west1" in page.text


@pytest.mark.parametrize(
    "fields", ["jobs(jobId,state),nextPageToken", "jobs/jobId, jobs/state,nextPageToken"]
)
def test_a_list_gives_the_fields_that_are_asked_for(jobs: Any, fields: str) -> None:
    """Of each job a list holds what the standard parameter names, and no more."""
    for job_id in ("one", "two"):
        create(jobs, job_id)

    page = jobs.list(parent=PARENT, pageSize=1, fields=fields).execute()

    assert page.pop("nextPageToken")
    assert page == {"jobs": [{"jobId": "two", "state": "QUEUED"}]}
    assert jobs.list(parent=PARENT, fields="nextPageToken").execute() == {}


@pytest.mark.parametrize("fields", ["jobs(jobid)", "jobs(jobId", "jobs/labels/team", "jobs;", "nothing"])
def test_fields_that_do_not_exist_are_refused(jobs: Any, fields: str) -> None:
    """What the answer does not have cannot be asked for."""
    error = refusal(jobs.list(parent=PARENT, fields=fields))

    assert error["status"] == "INVALID_ARGUMENT"
    assert fields in error["message"]
