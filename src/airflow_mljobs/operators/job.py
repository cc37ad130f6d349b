"""What every operator of this package has: a hook, made late, and a link to the job's page."""

from __future__ import annotations

import pkgutil
from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class JobOperator(BaseOperator):
    """Anything that a task does to jobs of one service; a subclass says which hook, and its arguments."""

    hook_class: ClassVar[str]

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
        return pkgutil.resolve_name(self.hook_class)(**self.hook_params)

    def show_page(self, context: Context, page: str | None) -> None:
        """Make the operator's link lead to a page, from now on."""
        self.console_page = page
        for link in self.operator_extra_links:
            context["ti"].xcom_push(key=link.xcom_key, value=page)
