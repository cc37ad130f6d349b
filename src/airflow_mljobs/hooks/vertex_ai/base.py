"""What the hooks for Vertex AI's kinds of job have in common: all but their declarations."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.providers.google.common.consts import CLIENT_INFO
from airflow.providers.google.common.hooks.operation_helpers import OperationHelper
from google.api_core.exceptions import FailedPrecondition, NotFound

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.google import REQUEST_TIMEOUT, GoogleJobHook
from airflow_mljobs.hooks.lists import Entry, Page, Question
from airflow_mljobs.hooks.vertex_ai.resources import (
    IDENTITY_MASK,
    LOOK_MASK,
    as_dict,
    as_mask,
    state_word,
    time_of,
)
from airflow_mljobs.jobs import Attempt, Job, JobStatus, Progress, TaskIdentity
from airflow_mljobs.jobs.identity import TASK_LABEL

if TYPE_CHECKING:
    from google.protobuf.field_mask_pb2 import FieldMask

C = TypeVar("C")

PAGE_SIZE = 1000
"""Jobs asked for at once; a service that gives fewer cuts it down (https://google.aip.dev/158)."""


class VertexAIHook(GoogleJobHook):
    """Gives out one client for each service and region, and keeps it."""

    emulator_variable = "VERTEX_AI_EMULATOR_HOST"
    viewing_role = "Vertex AI User (roles/aiplatform.user)"

    def get_client(self, client_class: type[C], region: str | None) -> C:
        """Return the one client of this class for the region.

        :param client_class: a client of ``google.cloud.aiplatform_v1``.
        :param region: where the jobs run, such as ``europe-west4``.
        """
        key = (client_class, region)
        if key not in self._clients:
            self._clients[key] = self._build_client(client_class, region)
        client: C = self._clients[key]
        return client

    def _build_client(self, client_class: Any, region: str | None) -> Any:
        if self.emulator_host:
            import grpc

            transport = client_class.get_transport_class("grpc")
            # As the client has it for the service: pages of whole resources may be long.
            options = [("grpc.max_receive_message_length", -1)]
            channel = grpc.insecure_channel(self.emulator_host, options=options)
            return client_class(transport=transport(channel=channel))
        endpoint = self.api_endpoint
        if not endpoint and region and region != "global":
            endpoint = f"{region}-aiplatform.googleapis.com:443"
        return client_class(
            credentials=self.get_credentials(),
            client_info=CLIENT_INFO,
            client_options=self.get_client_options(api_endpoint_override=endpoint),
        )


class VertexAIJobHook(VertexAIHook, OperationHelper):
    """Finds, watches and ends the jobs of one kind, whose names and methods follow one pattern.

    A subclass declares its ``collection`` in resource names (``customJobs``), its ``noun`` in the
    client's methods (``custom_job``), the ``client_class``, the ``resource_class``, its ``states``, and in
    the console the ``page`` of a job below ``/vertex-ai/locations/REGION/`` and the ``list_page`` below
    ``/vertex-ai/``, and the ``command`` that shows a job in a shell.
    """

    collection: ClassVar[str]
    noun: ClassVar[str]
    client_class: ClassVar[Any]
    resource_class: ClassVar[Any]
    page: ClassVar[str]
    list_page: ClassVar[str]
    command: ClassVar[str]
    state_field: ClassVar[str] = "state"
    lists_by_state = True
    gets_at_once = 32  # on one connection

    def get_job(self, name: str) -> Job:
        """Look at one job."""
        return self.as_job(self.get_resource(name))

    def get_resource(self, name: str, **params: Any) -> Any:
        """Get a job as the official type.

        :param name: the job.
        :param params: further fields of the service's get request.
        """
        return self._method("get_{}", name)(request={"name": name, **params}, timeout=REQUEST_TIMEOUT)

    def list_resources(self, parent: str, *, read_mask: str | FieldMask | None = None, **params: Any) -> Any:
        """List jobs as the official type; further pages are fetched as they are iterated.

        :param parent: project and region, as resource names begin.
        :param read_mask: the fields to return, such as ``"name,state"``.
        :param params: further fields of the service's list request.
        """
        mask = {} if read_mask is None else {"read_mask": as_mask(read_mask)}
        request = {"parent": parent, **mask, **params}
        return self._method("list_{}s", f"{parent}/{self.collection}/-")(
            request=request, timeout=REQUEST_TIMEOUT
        )

    def list_one(self, project_id: str, region: str) -> str:
        """Ask for a page of one job."""
        self.list_resources(f"projects/{project_id}/locations/{region}", page_size=1)
        return f"Project {project_id} in {region}: {self.noun.replace('_', ' ')}s may be listed"

    def page_of(self, question: Question, then: Any) -> Page:
        """List jobs with no more than a look needs."""
        pager = self.list_resources(
            question.parent,
            page_size=self._size_for(question),
            page_token=then or "",
            **self.asked(question),
        )
        page = next(iter(pager.pages))
        # The plain messages: the client's own are ten times as slow to read.
        message = type(page).pb(page)
        jobs = getattr(message, f"{self.noun}s")
        return Page(entries=map(self._entry, jobs), size=len(jobs), then=message.next_page_token)

    def asked(self, question: Question) -> dict[str, Any]:
        """Put a question into fields of the service's list request."""
        if question.ended:
            any_end = " OR ".join(f'state="{state}"' for state in self.end_words)
            terms = [f"({any_end})"]
        else:
            # Not those at work by their words: the service may have learned a new one.
            terms = [f'state!="{state}"' for state in self.end_words]
        if question.labelled:
            terms.append(f"labels.{TASK_LABEL}:*")
        if question.since:
            terms.append(f'create_time>="{question.since.isoformat()}"')
        return {"filter": " AND ".join(terms), "read_mask": LOOK_MASK}

    @staticmethod
    def _size_for(question: Question) -> int:
        return min(max(2 * len(question.job_ids), 100), PAGE_SIZE)

    def _entry(self, message: Any) -> Entry:
        moment = message.update_time
        return Entry(
            job_id=message.name.rpartition("/")[2],
            mark=(getattr(message, self.state_field), moment.seconds, moment.nanos),
            read=partial(self._read_message, message),
        )

    def _read_message(self, message: Any) -> Job:
        return self.as_job(self.resource_class.wrap(message))

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find a task instance's jobs by their label."""
        found = self.list_resources(
            parent, filter=f'labels.{TASK_LABEL}="{identity.key}"', read_mask=IDENTITY_MASK
        )
        return Attempt.from_found((self.as_job(job), job.labels) for job in found)

    def cancel_job(self, name: str) -> None:
        """Ask for a job to be cancelled; one that has ended, or is gone, is fine."""
        try:
            self._method("cancel_{}", name)(name=name, timeout=REQUEST_TIMEOUT)
        except NotFound:
            return
        except FailedPrecondition:
            if self.get_job(name).status is JobStatus.ACTIVE:
                raise

    def delete_job(self, name: str) -> None:
        """Delete a job and wait until it is gone; one that is gone already is fine."""
        try:
            operation = self._method("delete_{}", name)(name=name, timeout=REQUEST_TIMEOUT)
            operation.result(timeout=REQUEST_TIMEOUT)
        except NotFound:
            return

    def as_job(self, resource: Any) -> Job:
        """Read the service's resource."""
        state = state_word(getattr(resource, self.state_field))
        status = self.status_of(state)
        return Job(
            name=resource.name,
            state=state,
            status=status,
            error=self.error_of(resource) if status is not JobStatus.SUCCEEDED else None,
            url=self.page_url(resource.name),
            created=time_of(resource, "create_time"),
            started=time_of(resource, "start_time"),
            ended=time_of(resource, "end_time"),
            progress=self.progress_of(resource),
        )

    @abstractmethod
    def error_of(self, resource: Any) -> str | None:
        """Return the service's reason for a job's failure."""

    def progress_of(self, resource: Any) -> Progress | None:
        """Return how far a job has come, for the kinds that tell."""
        return None

    def page_url(self, name: str) -> str:
        """Return the address of a job's page in the console."""
        project, region, job_id = self.parse_name(name)
        page = self.page.format(job_id=job_id)
        return f"{self.console_url}/vertex-ai/locations/{region}/{page}?project={project}"

    def command_for(self, name: str) -> str:
        """Return a command that shows a job."""
        project, region, job_id = self.parse_name(name)
        return self.command.format(project=project, region=region, job_id=job_id, name=name)

    def list_url(self, project: str) -> str:
        """Return the address of the console's list of such jobs."""
        return f"{self.console_url}/vertex-ai/{self.list_page}?project={project}"

    @staticmethod
    def as_dict(resource: Any) -> dict[str, Any]:
        """Return a resource in its JSON form, without the values of environment variables."""
        return as_dict(resource)

    @classmethod
    def full_name(cls, project_id: str, region: str, job_id: str) -> str:
        """Return the full resource name of a job."""
        return f"projects/{project_id}/locations/{region}/{cls.collection}/{job_id}"

    @classmethod
    def parse_name(cls, name: str) -> tuple[str, str, str]:
        """Split ``projects/P/locations/R/<collection>/ID`` into project, region and id.

        :raises InvalidJobSpec: when the name is not of that form.
        """
        match name.split("/"):
            case ["projects", project, "locations", region, kind, job_id] if kind == cls.collection:
                if project and region and job_id:
                    return project, region, job_id
        raise InvalidJobSpec(
            field="name",
            value=name,
            rule=f"a full resource name is projects/PROJECT/locations/REGION/{cls.collection}/ID",
        )

    def _method(self, pattern: str, name: str) -> Any:
        client = self.get_client(self.client_class, self.parse_name(name)[1])
        return getattr(client, pattern.format(self.noun))
