"""The API of AI Platform's jobs, method by method.

https://cloud.google.com/ai-platform/training/docs/reference/rest/v1/projects.jobs
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.api_core import exceptions as api
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from airflow_mljobs.exceptions import InvalidJobSpec, JobConflict
from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, GoogleJobHook, check_labels, check_type
from airflow_mljobs.hooks.google_http import Transport, as_api_error
from airflow_mljobs.hooks.mlengine_builder import build_mlengine_job, check_job_id

PAGE_SIZE = 100
"""The most jobs that the service gives at once."""


class MLEngineServiceHook(GoogleJobHook):
    """The eight methods of the service, with its own JSON in and out.

    Every method takes ``project_id`` (left out: the connection's); a ``job_id`` may also be the full
    resource name. Each sends one request, whose answer may be silent for at most 60 seconds, and raises the
    errors of ``google.api_core.exceptions`` with the service's own words.

    The connection's ``api_endpoint`` may be ``host:port`` or an address with ``http://`` or ``https://``,
    such as ``https://europe-west1-ml.googleapis.com``.
    """

    emulator_variable = "ML_ENGINE_EMULATOR_HOST"
    viewing_role = "AI Platform Viewer (roles/ml.viewer)"
    collection = "jobs"

    def get_client(self) -> Any:
        """Return the discovery-based client, the same at every call; making it needs no network."""
        key = (Transport, None)
        if key not in self._clients:
            self._clients[key] = self._build_client()
        return self._clients[key]

    def _build_client(self) -> Any:
        endpoint = self.emulator_host or self.api_endpoint
        if endpoint and "://" not in endpoint:
            endpoint = f"{'http' if self.emulator_host else 'https'}://{endpoint}"
        transport = Transport(credentials=self.get_credentials(), timeout=REQUEST_TIMEOUT)
        client = build(
            "ml",
            "v1",
            http=transport,
            client_options={"api_endpoint": f"{endpoint.rstrip('/')}/"} if endpoint else None,
            cache_discovery=False,
            static_discovery=True,
            num_retries=0,
        )
        # What the base closes is a client's transport.
        client.transport = transport
        return client

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        given = {name: value for name, value in params.items() if value is not None}
        request = getattr(self.get_client().projects().jobs(), method)(**given)
        try:
            answer = request.execute(num_retries=0)
        except HttpError as error:
            raise as_api_error(error) from error
        if not isinstance(answer, dict):
            # The client hands on as it is what it cannot read: a proxy's login page, say, which is no
            # answer of the service, and proves nothing of what became of the request.
            words = "the answer is no JSON object, and so not the service's"
            raise api.ServiceUnavailable(words)  # type: ignore[no-untyped-call]
        return answer

    def _change(self, method: str, *, of: str, guarded: bool, **params: Any) -> dict[str, Any]:
        try:
            return self._call(method, **params)
        except (api.Conflict, api.PreconditionFailed, api.FailedPrecondition) as error:
            if not guarded:
                raise
            raise JobConflict(
                f"{of} was changed since its etag was read; read it again. The service says: {error.message}"
            ) from error

    def create(self, *, job: Mapping[str, Any], project_id: str | None = None) -> dict[str, Any]:
        """Create a training or batch prediction job; it starts at once.

        :param job: the resource whole, with its ``jobId``.
        :raises InvalidJobSpec: when the resource breaks a rule that can be seen from here.
        """
        body = build_mlengine_job(job)
        if not body.get("jobId"):
            raise InvalidJobSpec(field="job.jobId", value=body.get("jobId"), rule="must be given")
        return self._call("create", parent=f"projects/{self.resolve_project(project_id)}", body=body)

    def get(self, *, job_id: str, project_id: str | None = None) -> dict[str, Any]:
        """Get a job whole."""
        return self._call("get", name=self._name(project_id, job_id))

    def list(
        self,
        *,
        filter: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        fields: str | None = None,
        project_id: str | None = None,
    ) -> dict[str, Any]:
        """List one page of jobs: ``jobs``, and ``nextPageToken`` when there are more.

        :param filter: such as ``state:FAILED AND jobId:census*``.
        :param page_size: jobs in the page, at most 100; the service's default is 20.
        :param page_token: where to go on.
        :param fields: the parts of the answer that are wanted, such as ``jobs(jobId,state),nextPageToken``:
            https://cloud.google.com/api-client-library/dotnet/guide/performance.
        """
        return self._call(
            "list",
            parent=f"projects/{self.resolve_project(project_id)}",
            filter=filter,
            pageSize=page_size,
            pageToken=page_token,
            fields=fields,
        )

    def list_one(self, project_id: str, region: str) -> str:
        """Ask for a page of one job; the service has no regions."""
        self.list(page_size=1, project_id=project_id)
        return f"Project {project_id}: AI Platform jobs may be listed"

    def iterate(
        self,
        *,
        filter: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        project_id: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """List jobs as `list` does; further pages are fetched as they are iterated."""
        while True:
            page = self.list(filter=filter, page_size=page_size, page_token=page_token, project_id=project_id)
            yield from page.get("jobs", ())
            page_token = page.get("nextPageToken")
            if not page_token:
                return

    def cancel(self, *, job_id: str, project_id: str | None = None) -> None:
        """Ask for a job to be cancelled."""
        self._call("cancel", name=self._name(project_id, job_id), body={})

    def patch(
        self,
        *,
        job_id: str,
        job: Mapping[str, Any],
        update_mask: str = "labels",
        etag: str | None = None,
        project_id: str | None = None,
    ) -> dict[str, Any]:
        """Change a job; the service lets its labels be changed, all of them at once.

        :param job: the new values, such as ``{"labels": {"owner": "me"}}``.
        :param update_mask: the fields to change, with commas between them.
        :param etag: the job's etag as it was read; the change is made only if it still holds. Default: the
            one in ``job``, if there is one.
        :raises JobConflict: when somebody changed the job since its etag was read.
        """
        fields = [field.strip() for field in update_mask.split(",") if field.strip()]
        if not fields:
            raise InvalidJobSpec(field="update_mask", value=update_mask, rule="names the fields to change")
        labels = job.get("labels") or {}
        check_type("job.labels", labels, Mapping)
        check_labels(labels)
        etag = etag or job.get("etag")
        body = dict(job) | ({"etag": etag} if etag else {})
        if etag and "etag" not in fields:
            fields.append("etag")
        name = self._name(project_id, job_id)
        guarded = "etag" in fields
        mask = ",".join(fields)
        return self._change("patch", of=f"Job {name}", guarded=guarded, name=name, body=body, updateMask=mask)

    def get_iam_policy(
        self, *, job_id: str, requested_policy_version: int | None = None, project_id: str | None = None
    ) -> dict[str, Any]:
        """Get the access policy of a job, empty when none was set.

        :param requested_policy_version: the newest form of policy that the caller can read: 1 or 3.
        """
        return self._call(
            "getIamPolicy",
            resource=self._name(project_id, job_id),
            options_requestedPolicyVersion=requested_policy_version,
        )

    def set_iam_policy(
        self,
        *,
        job_id: str,
        policy: Mapping[str, Any],
        update_mask: str | None = None,
        project_id: str | None = None,
    ) -> dict[str, Any]:
        """Replace the access policy of a job, and return it.

        :param policy: ``bindings``, and the ``etag`` as it was read.
        :param update_mask: the fields to change; default ``bindings, etag``.
        :raises JobConflict: when somebody changed the policy since its etag was read.
        """
        body = {"policy": dict(policy)} | ({"updateMask": update_mask} if update_mask else {})
        name = self._name(project_id, job_id)
        whose = f"The access policy of job {name}"
        return self._change(
            "setIamPolicy", of=whose, guarded=bool(policy.get("etag")), resource=name, body=body
        )

    def test_iam_permissions(
        self, *, job_id: str, permissions: Sequence[str], project_id: str | None = None
    ) -> builtins.list[str]:
        """Return which of these permissions the caller has on a job.

        :param permissions: such as ``ml.jobs.get``.
        """
        answer = self._call(
            "testIamPermissions",
            resource=self._name(project_id, job_id),
            body={"permissions": builtins.list(permissions)},
        )
        return builtins.list(answer.get("permissions", ()))

    def _name(self, project_id: str | None, job_id: str) -> str:
        name = job_id if "/" in job_id else self.full_name(self.resolve_project(project_id), job_id)
        # The client leaves ?, # and : in a name as they are, which makes the request another one.
        check_job_id(self.parse_name(name)[1], field="job_id")
        return name

    @classmethod
    def full_name(cls, project_id: str, job_id: str) -> str:
        """Return the full resource name of a job."""
        return f"projects/{project_id}/{cls.collection}/{job_id}"

    @classmethod
    def parse_name(cls, name: str) -> tuple[str, str]:
        """Split ``projects/P/jobs/ID`` into project and id.

        :raises InvalidJobSpec: when the name is not of that form.
        """
        match name.split("/"):
            case ["projects", project, cls.collection, job_id] if project and job_id:
                return project, job_id
        raise InvalidJobSpec(field="name", value=name, rule="a full name is projects/PROJECT/jobs/ID")
