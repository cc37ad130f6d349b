"""How the ML Engine hook reads the service: states, names, errors and where it is."""

from __future__ import annotations

import json
from typing import Any

import httplib2
import pytest
import requests
from google.api_core import exceptions as api
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError
from kfp_witness import Answer, Witness
from unit_samples import refused

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google_http import as_api_error
from airflow_mljobs.hooks.mlengine import MLEngineJobHook
from airflow_mljobs.hooks.mlengine_builder import JOB_ID
from airflow_mljobs.jobs import FailureKind, JobStatus, Submit, TaskIdentity
from airflow_mljobs.operators.mlengine import RunMLEngineJobOperator

NAME = "projects/p/jobs/j"
SCHEMAS = json.loads(get_static_doc("ml", "v1"))["schemas"]
ENDS = {
    "SUCCEEDED": JobStatus.SUCCEEDED,
    "FAILED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
}


@pytest.fixture(autouse=True)
def emulator_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead hooks to an address that nobody listens on."""
    monkeypatch.setenv("ML_ENGINE_EMULATOR_HOST", "http://localhost:1")


def test_the_table_is_the_services_enum() -> None:
    """Each word of the service has its meaning, no other word has one, and only three are ends."""
    words = SCHEMAS["GoogleCloudMlV1__Job"]["properties"]["state"]["enum"]
    assert {word: ENDS.get(word, JobStatus.ACTIVE) for word in words} == MLEngineJobHook.states
    assert set(words) > MLEngineJobHook.cancelling


def test_a_job_is_read() -> None:
    """State, reason, times and page come from the service's resource."""
    resource = {
        "name": NAME,
        "jobId": "j",
        "state": "FAILED",
        "errorMessage": "no such column",
        "createTime": "2026-01-02T03:04:05Z",
        "startTime": "2026-01-02T03:05:05.123456789Z",
        "endTime": "2026-01-02T03:06:05.5Z",
    }
    job = MLEngineJobHook().as_job(resource)
    assert (job.status, job.error) == (JobStatus.FAILED, "no such column")
    assert job.url == "https://console.cloud.google.com/ai-platform/jobs/j?project=p"
    assert job.duration is not None
    assert 60 < job.duration.total_seconds() < 61


def test_a_job_just_made_is_read() -> None:
    """What the service has not set yet is nothing, and an unnamed state is active."""
    job = MLEngineJobHook().as_job({"name": NAME, "jobId": "j"})
    assert (job.state, job.status, job.created, job.error) == (
        "STATE_UNSPECIFIED",
        JobStatus.ACTIVE,
        None,
        None,
    )


@pytest.mark.parametrize(
    "name", ["j", "projects/p/jobs/", "projects/p/models/m", "projects//jobs/j", f"{NAME}/x"]
)
def test_a_name_has_a_form(name: str) -> None:
    """A name of another form is refused."""
    with refused("name", name, "projects/PROJECT/jobs/ID"):
        MLEngineJobHook.parse_name(name)


def http_error(status: int, body: Any) -> HttpError:
    """Make the error of the discovery-based client."""
    response = httplib2.Response({"status": str(status)})
    response.reason = "Reason of HTTP"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpError(response, content, uri="https://ml.googleapis.com/v1/secret-uri")


def envelope(status: int, word: str, **fields: Any) -> HttpError:
    """Make an error in Google's form."""
    return http_error(status, {"error": {"code": status, "message": "own words", "status": word} | fields})


@pytest.mark.parametrize(
    ("error", "expected", "kind"),
    [
        (envelope(400, "INVALID_ARGUMENT"), api.InvalidArgument, FailureKind.INVALID),
        (envelope(401, "UNAUTHENTICATED"), api.Unauthenticated, FailureKind.DENIED),
        (envelope(403, "PERMISSION_DENIED"), api.PermissionDenied, FailureKind.DENIED),
        (envelope(404, "NOT_FOUND"), api.NotFound, FailureKind.MISSING),
        (envelope(409, "ALREADY_EXISTS"), api.AlreadyExists, FailureKind.EXISTS),
        (envelope(409, "ABORTED"), api.Aborted, FailureKind.UNAVAILABLE),
        (envelope(429, "RESOURCE_EXHAUSTED"), api.ResourceExhausted, FailureKind.QUOTA),
        (envelope(500, "INTERNAL"), api.InternalServerError, FailureKind.UNAVAILABLE),
        (envelope(503, "UNAVAILABLE"), api.ServiceUnavailable, FailureKind.UNAVAILABLE),
        (
            envelope(403, "PERMISSION_DENIED", errors=[{"reason": "rateLimitExceeded"}]),
            api.TooManyRequests,
            FailureKind.QUOTA,
        ),
        (
            envelope(403, "PERMISSION_DENIED", details=[{"reason": "RATE_LIMIT_EXCEEDED"}]),
            api.TooManyRequests,
            FailureKind.QUOTA,
        ),
        (http_error(409, {"error": {"message": "own words"}}), api.AlreadyExists, FailureKind.EXISTS),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_an_error_is_told_as_by_the_other_clients(
    error: HttpError, expected: type[Exception], kind: FailureKind
) -> None:
    """An error of HTTP becomes the one of Google's other clients, with the service's words only."""
    made = as_api_error(error)
    assert (type(made), MLEngineJobHook().failure_kind(made)) == (expected, kind)
    assert made.message == "own words"
    assert "secret-uri" not in str(made)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>Bad Gateway</html>", FailureKind.UNAVAILABLE),
        (503, b"", FailureKind.UNAVAILABLE),
        (403, b"<html>Forbidden</html>", FailureKind.DENIED),
        (404, b"[]", FailureKind.MISSING),
        (400, {"error": "invalid_grant"}, FailureKind.INVALID),
        (429, b"\xff", FailureKind.QUOTA),
        (408, b"<html>Request Timeout</html>", FailureKind.UNAVAILABLE),
    ],
)
def test_an_error_of_another_form_is_judged_by_its_status(status: int, body: Any, kind: FailureKind) -> None:
    """What a proxy or a load balancer answers is judged by its status alone."""
    made = as_api_error(http_error(status, body))
    assert MLEngineJobHook().failure_kind(made) is kind


def test_nobody_there_is_silence() -> None:
    """A service that cannot be reached is out of reach, and nothing is repeated unasked."""
    with pytest.raises(requests.ConnectionError) as raised:
        MLEngineJobHook().get_job(NAME)
    assert MLEngineJobHook().failure_kind(raised.value) is FailureKind.UNAVAILABLE


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body="<html>Sign in</html>", kind="text/html"),
        Answer(body=""),
        Answer(body="[]"),
        Answer(status=302, headers={"Location": "/"}, kind="text/html", body=""),
    ],
    ids=["page", "nothing", "list", "redirect"],
)
def test_what_is_no_answer_of_the_service_is_silence(
    answer: Answer, server: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that a proxy sends under a good status is neither a job nor a cancel that was heard."""
    monkeypatch.setenv("ML_ENGINE_EMULATOR_HOST", server.url)
    server.answers = [answer, Answer(body="<html>Sign in</html>", kind="text/html")]
    hook = MLEngineJobHook()
    spec = {"region": "r", "packageUris": ["gs://b/x"], "pythonModule": "m"}

    with pytest.raises(api.ServiceUnavailable, match="no JSON object") as raised:
        hook.create(project_id="p", job={"jobId": "j", "trainingInput": spec})
    with pytest.raises(api.ServiceUnavailable):
        hook.cancel_job(NAME)
    hook.close()

    assert hook.failure_kind(raised.value) is FailureKind.UNAVAILABLE
    assert [verb for verb, _, _ in server.seen].count("POST") == 2


@pytest.mark.parametrize(
    ("extra", "variable", "base"),
    [
        ({}, "", "https://ml.googleapis.com/"),
        ({}, "http://localhost:8471", "http://localhost:8471/"),
        ({}, "localhost:8471/", "http://localhost:8471/"),
        ({"api_endpoint": "ml.internal:443"}, "http://localhost:1", "https://ml.internal:443/"),
        (
            {"api_endpoint": "https://europe-west1-ml.googleapis.com"},
            "",
            "https://europe-west1-ml.googleapis.com/",
        ),
    ],
)
def test_the_endpoint(
    extra: dict[str, str], variable: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection's endpoint wins over the emulator's variable, and either over the service's own."""
    settings = {"project": "p", "is_anonymous": True} | extra
    connection = {"conn_type": "google_cloud_platform", "extra": settings}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("ML_ENGINE_EMULATOR_HOST", variable)
    hook = MLEngineJobHook()
    request = hook.get_client().projects().jobs().get(name=NAME)
    assert request.uri == f"{base}v1/{NAME}?alt=json"
    hook.close()


def test_a_job_cannot_be_deleted() -> None:
    """The service has no such call, and the hook says so."""
    with pytest.raises(NotImplementedError, match=f"deletes no job, asked for {NAME}"):
        MLEngineJobHook().delete_job(NAME)


@pytest.mark.parametrize("mask", ["", " , "])
def test_a_change_names_its_fields(mask: str) -> None:
    """A change without a mask is refused before it is sent."""
    with refused("update_mask", mask, "names the fields"):
        MLEngineJobHook().patch(job_id=NAME, job={"labels": {}}, update_mask=mask)


def test_a_change_holds_labels_to_their_rules() -> None:
    """New labels are checked as those of a new job."""
    with refused("labels", "Bad", "lower-case letter"):
        MLEngineJobHook().patch(job_id=NAME, job={"labels": {"Bad": "x"}})


def test_new_labels_are_a_mapping() -> None:
    """Labels of another form are refused before they are sent."""
    with refused("job.labels", ["x"], "is of type Mapping"):
        MLEngineJobHook().patch(job_id=NAME, job={"labels": ["x"]})


@pytest.mark.parametrize("job_id", ["", "j?alt=x", "j#x", "j:getIamPolicy", "..", ".", "j k", "1j", "j-k"])
def test_an_id_that_would_make_another_request_is_refused(job_id: str) -> None:
    """What the client would send on as a query or as another method is not an id, alone or in a full name."""
    for given in (job_id, f"projects/p/jobs/{job_id}"):
        with pytest.raises(InvalidJobSpec, match=r"projects/PROJECT/jobs/ID|begins with a letter"):
            MLEngineJobHook().get(job_id=given, project_id="p")


def test_a_create_needs_an_id() -> None:
    """The service makes no ids, and a job without one is refused before it is sent."""
    spec = {"region": "r", "packageUris": ["gs://b/x"], "pythonModule": "m"}
    with refused("job.jobId", None, "must be given"):
        MLEngineJobHook().create(job={"trainingInput": spec})


def test_the_jobs_of_a_project_have_a_page() -> None:
    """The list of a project has a page of its own."""
    assert MLEngineJobHook().list_url("p") == "https://console.cloud.google.com/ai-platform/jobs?project=p"


@pytest.mark.parametrize("task_id", ["a-b", "a_b", "a.b"])
def test_an_id_made_by_the_task_is_of_the_services_alphabet(task_id: str) -> None:
    """The made id keeps the rule, and no two tasks get the same."""

    def id_of(identity: TaskIdentity, number: int) -> str:
        operator = RunMLEngineJobOperator(task_id="t", job={})
        return operator._id_of(identity, Submit(number=number, first=number == 1))

    one = TaskIdentity(dag_id="1-d", run_id="r", task_id=task_id)
    other = TaskIdentity(dag_id="1_d", run_id="r", task_id=task_id)
    ids = [id_of(one, 1), id_of(one, 2), id_of(other, 1)]
    assert all(JOB_ID.fullmatch(each) for each in ids)
    assert len(set(ids)) == 3


def test_long_ids_that_users_chose_stay_apart() -> None:
    """Later jobs get a suffix to their chosen ids, of which no more goes than has to."""
    identity = TaskIdentity(dag_id="d", run_id="r", task_id="t", epoch=2)

    def second(job_id: str) -> str:
        operator = RunMLEngineJobOperator(task_id="t", job={"jobId": job_id})
        return operator._id_of(identity, Submit(number=2, first=False))

    monday, tuesday = (second(f"{'a' * 110}_{day}") for day in ("monday", "tuesday"))
    assert (monday, tuesday) == (f"{'a' * 110}_monday_2_2", f"{'a' * 110}_tuesday_2_2")
    assert second("a" * 128) == f"{'a' * 124}_2_2"
