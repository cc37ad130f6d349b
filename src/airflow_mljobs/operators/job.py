"""What every operator of this package has: a hook, made late, and a link to the job's page."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.loading import load_hook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_mljobs.jobs import Job


def check_seconds(field: str, seconds: Any, *, minimum: str) -> None:
    """Hold a number of seconds to a rule.

    :raises InvalidJobSpec: when it is not a number, not finite or too small.
    """
    fits = isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0
    if not fits or (seconds == 0 and minimum != "at least 0"):
        raise InvalidJobSpec(field=field, value=seconds, rule=f"is {minimum} seconds")


class JobOperator(BaseOperator):
    """Anything that a task does to jobs of one service; a subclass says which hook, and its arguments."""

    hook_class: ClassVar[str]

    _job: Job | None = None
    """The job as it was seen last."""

    @abstractmethod
    def execute(self, context: Context) -> Any:
        """Do what the task is for."""

    @property
    @abstractmethod
    def hook_params(self) -> dict[str, Any]:
        """Arguments of the hook, plain JSON and without secrets."""

    @abstractmethod
    def full_name(self, job_id: str) -> str:
        """Return the full name of a job of this service."""

    @cached_property
    def hook(self) -> Any:
        """The service's hook; its client is imported here, not when the DAG is parsed."""
        return load_hook(self.hook_class, self.hook_params)

    def show_page(self, context: Context, page: str | None) -> None:
        """Make the operator's link lead to a page, from now on."""
        self.console_page = page
        for link in self.operator_extra_links:
            context["ti"].xcom_push(key=link.xcom_key, value=page)
