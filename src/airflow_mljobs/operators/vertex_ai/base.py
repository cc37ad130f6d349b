"""Get, list, cancel and delete Vertex AI's jobs; a subclass says of which kind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_mljobs.exceptions import InvalidJobSpec, JobNotFound
from airflow_mljobs.jobs import FailureKind
from airflow_mljobs.operators.google import GoogleJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class OneJobOperator(GoogleJobOperator):
    """Does something to one job, named by its id or by its full resource name.

    A subclass takes the job under its own parameter's name and hands it on as ``job``.
    """

    @property
    def job(self) -> str:
        """What the user named."""
        raise NotImplementedError

    @property
    def job_name(self) -> str:
        """Full resource name of the job."""
        if not self.job:
            raise InvalidJobSpec(field="job id", value=self.job, rule="names a job")
        return self.job if "/" in self.job else self.hook.full_name(self.project, self.region, self.job)


class GetJobOperator(OneJobOperator):
    """Returns a job's resource in its JSON form, with field names in ``snake_case``.

    The values of containers' environment variables are left out: XCom is no place for secrets.

    :raises JobNotFound: when there is no such job.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Get the job."""
        try:
            resource = self.hook.get_resource(self.job_name)
        except Exception as error:
            if self.hook.failure_kind(error) is FailureKind.MISSING:
                raise JobNotFound(f"There is no job {self.job_name}: {error}") from error
            raise
        self.show_page(context, self.hook.page_url(self.job_name))
        result: dict[str, Any] = self.hook.as_dict(resource)
        return result


class ListJobsOperator(GoogleJobOperator):
    """Returns a list of jobs, each in its JSON form with field names in ``snake_case``.

    :param filter: such as ``state="JOB_STATE_FAILED" AND labels.team="risk"``; default all.
    :param read_mask: which fields to return, such as ``"name,state"``; default the short ones.
    :param page_size: jobs that the service returns at once.
    :param page_token: where an earlier list stopped.
    :param limit: the most jobs to return, over all pages.
    """

    template_fields: Sequence[str] = (
        *GoogleJobOperator.template_fields,
        "filter",
        "read_mask",
        "page_token",
    )

    def __init__(
        self,
        *,
        filter: str | None = None,
        read_mask: str = "name,display_name,state,create_time,start_time,end_time,labels,error",
        page_size: int | None = None,
        page_token: str | None = None,
        limit: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if limit <= 0:
            raise InvalidJobSpec(field="limit", value=limit, rule="is greater than 0")
        self.filter = filter
        self.read_mask = read_mask
        self.page_size = page_size
        self.page_token = page_token
        self.limit = limit

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return {
            "filter": self.filter,
            "read_mask": self.read_mask,
            "page_size": self.page_size,
            "page_token": self.page_token,
        }

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the jobs, page by page, as far as the limit."""
        self.show_page(context, self.hook.list_url(self.project))
        jobs = self.hook.list_resources(self.parent, **self.list_params())
        found = [self.hook.as_dict(job) for job in islice(jobs, self.limit)]
        self.log.info("Found %d jobs in %s", len(found), self.parent)
        return found


class CancelJobOperator(OneJobOperator):
    """Asks for a job to be cancelled; one that has ended, or is gone, is fine."""

    def execute(self, context: Context) -> None:
        """Cancel the job."""
        self.hook.insist(self.hook.cancel_job, self.job_name)
        self.log.info("Asked the service to cancel job %s", self.job_name)
        self.show_page(context, self.hook.page_url(self.job_name))


class DeleteJobOperator(OneJobOperator):
    """Deletes a job that has ended, and waits until it is gone; one that is gone already is fine."""

    def execute(self, context: Context) -> None:
        """Delete the job."""
        self.hook.insist(self.hook.delete_job, self.job_name)
        self.log.info("Deleted job %s", self.job_name)
