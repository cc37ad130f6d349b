"""Hook for AI Platform's training and batch prediction jobs (``projects.jobs``), once named ML Engine.

https://cloud.google.com/ai-platform/training/docs/reference/rest/v1/projects.jobs
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from google.api_core import exceptions as api

from airflow_mljobs.hooks.lists import Entry, Page, Question
from airflow_mljobs.hooks.mlengine_builder import build_mlengine_job
from airflow_mljobs.hooks.mlengine_service import PAGE_SIZE, MLEngineServiceHook
from airflow_mljobs.jobs import Attempt, Job, JobStatus, TaskIdentity
from airflow_mljobs.jobs.identity import TASK_LABEL

LOOK_FIELDS = "jobs(jobId,state,errorMessage,createTime,startTime,endTime),nextPageToken"
"""All that a look needs to know."""


class MLEngineJobHook(MLEngineServiceHook):
    """Runs, reads, lists, changes and cancels AI Platform jobs; the service deletes none."""

    cancelling = frozenset({"CANCELLING"})
    lists_by_state = True
    states: ClassVar = {
        "STATE_UNSPECIFIED": JobStatus.ACTIVE,
        "QUEUED": JobStatus.ACTIVE,
        "PREPARING": JobStatus.ACTIVE,
        "RUNNING": JobStatus.ACTIVE,
        "SUCCEEDED": JobStatus.SUCCEEDED,
        "FAILED": JobStatus.FAILED,
        "CANCELLING": JobStatus.ACTIVE,
        "CANCELLED": JobStatus.CANCELLED,
    }

    def get_job(self, name: str) -> Job:
        """Look at one job."""
        return self.as_job(self.get_resource(name))

    def get_resource(self, name: str) -> dict[str, Any]:
        """Get a job whole: the service's JSON, and the full ``name`` that it leaves out."""
        return {"name": name, **self.get(job_id=name)}

    def list_resources(self, parent: str, **params: Any) -> Iterator[dict[str, Any]]:
        """List jobs whole, each with its ``name``; further pages are fetched as they are iterated.

        :param parent: ``projects/`` and the project.
        :param params: those of `list`.
        """
        project = parent.rpartition("/")[-1]
        for resource in self.iterate(project_id=project, **params):
            yield {"name": self.full_name(project, resource["jobId"]), **resource}

    def page_of(self, question: Question, then: Any) -> Page:
        """List jobs by their state, with no more than a look needs.

        The reference shows filters with a colon and with AND. Where the service makes something else of the
        others, that costs requests and no more: each job is judged by the state that it is listed with.
        """
        if question.ended:
            any_end = " OR ".join(f"state:{state}" for state in self.end_words)
            terms = [f"({any_end})"]
        else:
            terms = [f"NOT state:{state}" for state in self.end_words]
        if question.since:
            terms.append(f'createTime>="{question.since.isoformat()}"')
        project = question.parent.rpartition("/")[-1]
        page = self.list(
            project_id=project,
            filter=" AND ".join(terms),
            page_size=PAGE_SIZE,
            page_token=then,
            fields=LOOK_FIELDS,
        )
        jobs = page.get("jobs", ())
        entries = map(partial(self._entry, project), jobs)
        return Page(entries=entries, size=len(jobs), then=page.get("nextPageToken"))

    def _entry(self, project: str, resource: Mapping[str, Any]) -> Entry:
        named = {"name": self.full_name(project, resource["jobId"]), **resource}
        return Entry(job_id=resource["jobId"], mark=None, read=partial(self.as_job, named))

    def job_id_of(self, identity: TaskIdentity, *, attempt: int) -> str:
        """Return the id of a task's job for which the user chose none."""
        # It has no underscores of its own, so that two ids stay two.
        return identity.job_id(attempt=attempt).replace("-", "_")

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find a task instance's jobs by their label."""
        found = self.list_resources(
            parent, filter=f'labels.{TASK_LABEL}="{identity.key}"', page_size=PAGE_SIZE
        )
        return Attempt.from_found(
            (self.as_job(job), job["labels"])
            for job in found
            # The reference does not say which filters on labels hold, so what they let through is judged.
            if job.get("labels", {}).get(TASK_LABEL) == identity.key
        )

    def cancel_job(self, name: str) -> None:
        """Ask for a job to be cancelled; one that has ended, or is gone, is fine."""
        try:
            self.cancel(job_id=name)
        except api.NotFound:
            return
        except api.BadRequest:
            if self.get_job(name).status is JobStatus.ACTIVE:
                raise

    def as_job(self, resource: Mapping[str, Any]) -> Job:
        """Read a resource that has its ``name``."""
        state = resource.get("state", "STATE_UNSPECIFIED")
        status = self.status_of(state)
        return Job(
            name=resource["name"],
            state=state,
            status=status,
            error=resource.get("errorMessage") if status is not JobStatus.SUCCEEDED else None,
            url=self.page_url(resource["name"]),
            created=_time(resource, "createTime"),
            started=_time(resource, "startTime"),
            ended=_time(resource, "endTime"),
        )

    def page_url(self, name: str) -> str:
        """Return the address of a job's page in the console."""
        project, job_id = self.parse_name(name)
        return f"{self.console_url}/ai-platform/jobs/{job_id}?project={project}"

    def command_for(self, name: str) -> str:
        """Return a command that shows a job."""
        project, job_id = self.parse_name(name)
        return f"gcloud ai-platform jobs describe {job_id} --project={project}"

    def list_url(self, project: str) -> str:
        """Return the address of the console's list of jobs."""
        return f"{self.console_url}/ai-platform/jobs?project={project}"

    @staticmethod
    def build_mlengine_job(job: Mapping[str, Any]) -> dict[str, Any]:
        """Check a resource and return a copy of it; see ``mlengine_builder``."""
        return build_mlengine_job(job)

    @staticmethod
    def as_dict(resource: Mapping[str, Any]) -> dict[str, Any]:
        """Return a resource in its JSON form."""
        return dict(resource)


def _time(resource: Mapping[str, Any], field: str) -> datetime | None:
    text = resource.get(field)
    return datetime.fromisoformat(text) if text else None
