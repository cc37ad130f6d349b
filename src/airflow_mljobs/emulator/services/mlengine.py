"""AI Platform's jobs (`projects.jobs` of `ml.googleapis.com`) as the emulator knows them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import grpc

from airflow_mljobs.emulator import discovery
from airflow_mljobs.emulator.clock import microseconds, moment_of
from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.execution.base import Phase
from airflow_mljobs.emulator.filters import COMMON_FIELDS, Field, FieldType, compile_filter
from airflow_mljobs.emulator.http import STATUS
from airflow_mljobs.emulator.paging import Order, PageTokens, clamp
from airflow_mljobs.emulator.services import policies
from airflow_mljobs.emulator.services.http_jobs import HttpJobs
from airflow_mljobs.emulator.services.lifecycle import STARTED
from airflow_mljobs.emulator.services.mlengine_rules import FieldError, check_job, number_in
from airflow_mljobs.emulator.store import Condition, Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from starlette.routing import BaseRoute

    from airflow_mljobs.emulator.http import Ask, HttpGateway

_MESSAGES = discovery.schemas("ml", "v1")
_PAGE_SIZE = 20
_MAX_PAGE_SIZE = 100
_CANCELLED = "The job was cancelled on request."
_MASKS = frozenset({"labels", "etag"})

# All words of the state are text here: the examples of the reference compare them with a colon.
_FIELDS: Mapping[str, Field] = {
    "job_id": Field(type=FieldType.STRING, column="display_name"),
    "state": Field(type=FieldType.STRING, column="state"),
    "error_message": Field(type=FieldType.STRING, column="error"),
    **{name: COMMON_FIELDS[name] for name in ("labels", "create_time", "start_time", "end_time")},
}


class MLEngineJobs(HttpJobs):
    """`projects/*/jobs/*`.

    A resource holds the job as the service sends it, which leaves out its full name, and its access policy.
    Where the reference is silent, a stale etag is ABORTED (https://google.aip.dev/154), and to cancel a job
    that has ended is FAILED_PRECONDITION. Everybody has every permission.
    """

    service: ClassVar = "ml.v1"
    noun: ClassVar = "MLEngineJob"
    page: ClassVar = "/ai-platform/jobs/{job_id}"
    states: ClassVar = {
        Phase.QUEUED: "QUEUED",
        Phase.PENDING: "PREPARING",
        **{phase: phase.name for phase in Phase if phase not in {Phase.PENDING, Phase.SKIPPED}},
    }
    first_phase: ClassVar = Phase.QUEUED

    def routes(self, gateway: HttpGateway) -> list[BaseRoute]:
        """Declare the eight methods."""
        jobs = "/v1/projects/{project}/jobs"
        # The custom verbs first: without one, a job's id would take in the colon and what follows it.
        return [
            gateway.route("POST", f"{jobs}/{{job}}:cancel", "CancelJob", self._cancel),
            gateway.route("GET", f"{jobs}/{{job}}:getIamPolicy", "GetIamPolicy", self._get_policy),
            gateway.route("POST", f"{jobs}/{{job}}:setIamPolicy", "SetIamPolicy", self._set_policy),
            gateway.route("POST", f"{jobs}/{{job}}:testIamPermissions", "TestIamPermissions", self._test),
            gateway.route("POST", jobs, "CreateJob", self._create),
            gateway.route("GET", jobs, "ListJobs", self._list),
            gateway.route("GET", f"{jobs}/{{job}}", "GetJob", self._get),
            gateway.route("PATCH", f"{jobs}/{{job}}", "PatchJob", self._patch),
        ]

    def envelope(self, error: ServiceError) -> dict[str, Any]:
        """Put an error into the form that Google's services share."""
        told: dict[str, Any] = {
            "code": STATUS.get(error.code, 500),
            "message": error.message,
            "status": error.code.name,
        }
        if isinstance(error, FieldError):
            told["details"] = [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": error.field, "description": error.description}],
                }
            ]
        return {"error": told}

    def as_json(self, resource: Any) -> dict[str, Any]:
        """Show a resource to a person."""
        shown: dict[str, Any] = resource["job"]
        return shown

    def name_behind(self, place: Mapping[str, str]) -> str:
        """Return the name of the job that a page of Google's console is about."""
        return f"projects/{place['project']}/jobs/{place['job_id']}"

    def enter(self, resource: Any, phase: Phase, error: str | None, at: datetime) -> None:
        """Write a new phase into a job."""
        job, moment = resource["job"], _written(at)
        job["state"] = self.states[phase]
        if phase in STARTED:
            job.setdefault("startTime", moment)
        if phase.is_final:
            job["endTime"] = moment
        if phase is Phase.FAILED:
            job["errorMessage"] = error or "Job failed."
        elif phase in {Phase.CANCELLING, Phase.CANCELLED}:
            job.setdefault("errorMessage", error or _CANCELLED)

    def save(self, resource: Any, phase: Phase, at: datetime, earlier: Record | None) -> Record:
        """Keep a resource."""
        job, now = resource["job"], microseconds(at)
        record = Record(
            name=resource["name"],
            kind=self.noun,
            parent=resource["name"].partition("/jobs/")[0],
            phase=phase,
            state=job["state"],
            display_name=job["jobId"],
            labels=dict(job.get("labels", {})),
            create_time=earlier.create_time if earlier else now,
            start_time=(earlier.start_time if earlier else 0) or now * (phase in STARTED),
            end_time=now * phase.is_final,
            update_time=now,
            error=job.get("errorMessage", ""),
            extra={},
        )
        self.store.save(record, json.dumps(resource).encode())
        return record

    def _create(self, ask: Ask) -> Any:
        job = discovery.read_message(_MESSAGES, "GoogleCloudMlV1__Job", ask.json(), at="job")
        for written_by_the_service in ("etag", "trainingOutput", "predictionOutput"):
            job.pop(written_by_the_service, None)
        check_job(job)
        name = f"projects/{ask.path['project']}/jobs/{job['jobId']}"
        with self.store.transaction():
            if self.store.get(name) is not None:
                raise FieldError(
                    "job.job_id", "A job with this id already exists.", code=grpc.StatusCode.ALREADY_EXISTS
                )
            now = self.clock.now()
            job |= {"createTime": _written(now), "etag": policies.new_etag()}
            if "predictionInput" in job:
                job["predictionOutput"] = {"outputPath": job["predictionInput"]["outputPath"]}
            resource = {"name": name, "job": job, "policy": {}}
            self.begin(resource, now)
        self.start(self._record(name))
        return resource["job"]

    def _get(self, ask: Ask) -> Any:
        return self.load(self._find(ask))["job"]

    def _list(self, ask: Ask) -> Any:
        parent, query = f"projects/{ask.path['project']}", ask.query
        question = query.get("filter", "")
        size = clamp(number_in(query, "pageSize"), default=_PAGE_SIZE, most=_MAX_PAGE_SIZE)
        tokens, order = PageTokens(self.noun, parent, question), Order()
        condition = Condition(sql="(kind = ? AND parent = ?)", parameters=(self.noun, parent))
        condition &= compile_filter(question, _FIELDS)
        if token := query.get("pageToken"):
            condition &= order.after(tokens.read(token))
        with self.store.transaction():
            records = self.store.find(condition, order=order.sql, limit=size + 1)
            page = [self.load(record)["job"] for record in records[:size]]
        answer: dict[str, Any] = {"jobs": page} if page else {}
        if len(records) > size:
            answer["nextPageToken"] = tokens.write(order.key(records[size - 1]))
        message = "GoogleCloudMlV1__ListJobsResponse"
        return discovery.pick(_MESSAGES, message, answer, query.get("fields", ""))

    def _cancel(self, ask: Ask) -> Any:
        record = self._find(ask)
        if record.phase.is_final:
            message = (
                f"Cannot cancel job {record.display_name}: it has ended already, in state {record.state}."
            )
            raise ServiceError(grpc.StatusCode.FAILED_PRECONDITION, message)
        self.stop(record)
        return {}

    def _patch(self, ask: Ask) -> Any:
        mask = policies.mask_of(ask.query.get("updateMask", ""))
        if not mask or not mask <= _MASKS:
            raise FieldError("update_mask", "Only labels and etag can be updated.")
        change = discovery.read_message(_MESSAGES, "GoogleCloudMlV1__Job", ask.json(), at="job")
        check_job({"labels": change.get("labels", {})}, whole=False)
        with self.store.transaction():
            record = self._find(ask)
            resource = self.load(record)
            job = resource["job"]
            if "etag" in mask:
                policies.compare(change.get("etag"), job["etag"])
            if "labels" in mask:
                job["labels"] = change.get("labels", {})
            job["etag"] = policies.new_etag()
            self.save(resource, record.phase, self.clock.now(), record)
        return job

    def _get_policy(self, ask: Ask) -> Any:
        policies.check_version(number_in(ask.query, "options.requestedPolicyVersion"), field="options")
        return self.load(self._find(ask))["policy"]

    def _set_policy(self, ask: Ask) -> Any:
        message = "GoogleIamV1__SetIamPolicyRequest"
        request = discovery.read_message(_MESSAGES, message, ask.json(), at="request")
        with self.store.transaction():
            record = self._find(ask)
            resource = self.load(record)
            resource["policy"] = policies.change(resource["policy"], request)
            self.save(resource, record.phase, moment_of(record.update_time), record)
        return resource["policy"]

    def _test(self, ask: Ask) -> Any:
        message = "GoogleIamV1__TestIamPermissionsRequest"
        request = discovery.read_message(_MESSAGES, message, ask.json(), at="request")
        wanted = policies.check_permissions(request.get("permissions", []))
        # Documented for this one: of a job that is not there nobody has any, and that is no error.
        return {"permissions": wanted} if wanted and self.store.get(self._name(ask)) else {}

    @staticmethod
    def _name(ask: Ask) -> str:
        return f"projects/{ask.path['project']}/jobs/{ask.path['job']}"

    def _find(self, ask: Ask) -> Record:
        return self._record(self._name(ask))

    def _record(self, name: str) -> Record:
        record = self.store.get(name)
        if record is None:
            job_id = name.rpartition("/")[2]
            raise FieldError("name", f"The job {job_id} was not found.", code=grpc.StatusCode.NOT_FOUND)
        return record


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
