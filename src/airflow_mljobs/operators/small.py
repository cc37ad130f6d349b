"""Get, list, cancel and delete jobs; a subclass says of which service."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.exceptions import InvalidJobSpec, JobNotFound
from airflow_mljobs.jobs import Failure, FailureKind, Job, JobStatus
from airflow_mljobs.operators.base import JobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class OneJobOperator(JobOperator):
    """Does something to one job, named by its id or by its full resource name.

    A subclass takes the job under a parameter of its own, and says in ``job_field`` which.
    """

    job_field: ClassVar[str]

    @property
    def job(self) -> str:
        """What the user named; an id of digits may come as a number from a native template."""
        named = getattr(self, self.job_field)
        return "" if named is None else str(named)

    @property
    def job_name(self) -> str:
        """Full resource name of the job."""
        if not self.job or self.job.split() != [self.job]:
            raise InvalidJobSpec(field=self.job_field, value=self.job, rule="names a job")
        return self.job if "/" in self.job else self.full_name(self.job)

    def fetch(self, **params: Any) -> Any:
        """Get the job's resource.

        :param params: what the job is asked for with, beside its name.
        :raises JobNotFound: when there is no such job.
        """
        try:
            return self.hook.insist(self.hook.get_resource, self.job_name, **params)
        except Exception as error:
            if self.hook.failure_kind(error) is FailureKind.MISSING:
                words = str(error).rstrip(".")
                raise JobNotFound(
                    f"There is no job {self.job_name}: {words}. Somebody deleted it, or its id, or where it "
                    "is looked for, is another"
                ) from error
            raise


class GetJobOperator(OneJobOperator):
    """Returns a job's resource in its JSON form, with environment values starred.

    Parameters and arguments come as the service has them: a secret belongs in a secret store.

    :raises JobNotFound: when there is no such job.
    """

    def get_params(self) -> dict[str, Any]:
        """Return what the job is asked for with, beside its name; by default nothing."""
        return {}

    def execute(self, context: Context) -> dict[str, Any]:
        """Get the job."""
        resource = self.fetch(**self.get_params())
        self.show_page(context, self.hook.page_url(self.job_name))
        result: dict[str, Any] = self.hook.as_dict(resource)
        return result


class ListJobsOperator(JobOperator):
    """Returns a list of jobs, each in its JSON form as Get has it.

    :param filter: which jobs, in the service's own language; default all.
    :param page_size: jobs that the service returns at once.
    :param page_token: where an earlier list stopped.
    :param limit: the most jobs to return, over all pages.
    """

    template_fields: Sequence[str] = ("filter", "page_token")

    def __init__(
        self,
        *,
        filter: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        limit: int = 100,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if limit <= 0:
            raise InvalidJobSpec(field="limit", value=limit, rule="is greater than 0")
        self.filter = filter
        self.page_size = page_size
        self.page_token = page_token
        self.limit = limit

    @property
    @abstractmethod
    def parent(self) -> str:
        """Full name of what the jobs are listed below."""

    @property
    @abstractmethod
    def list_page(self) -> str:
        """Address of the console's list of such jobs."""

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return {"filter": self.filter, "page_size": self.page_size, "page_token": self.page_token}

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List the jobs, page by page, as far as the limit."""
        self.show_page(context, self.list_page)
        jobs = self.hook.list_resources(self.parent, **self.list_params())
        found = [self.hook.as_dict(job) for job in islice(jobs, self.limit)]
        self.log.info("Found %d jobs in %s", len(found), self.parent)
        return found


class CancelJobOperator(OneJobOperator):
    """Asks for a job to be cancelled; one that has ended, or is gone, is fine."""

    def execute(self, context: Context) -> None:
        """Cancel the job."""
        look = self.hook.look(self.job_name)
        if isinstance(look, Failure) and look.kind is FailureKind.MISSING:
            self.log.warning("There is no job %s; nothing was cancelled", self.job_name)
            return
        self.show_page(context, self.hook.page_url(self.job_name))
        if isinstance(look, Job) and look.status is not JobStatus.ACTIVE:
            self.log.info("Job %s has ended already (%s)", self.job_name, look.state)
            return
        self.hook.insist(self.hook.cancel_job, self.job_name)
        self.log.info("Asked the service to cancel job %s", self.job_name)


class DeleteJobOperator(OneJobOperator):
    """Deletes a job that has ended, and waits until it is gone; one that is gone already is fine."""

    def execute(self, context: Context) -> None:
        """Delete the job."""
        self.hook.insist(self.hook.delete_job, self.job_name)
        self.log.info("Deleted job %s", self.job_name)
