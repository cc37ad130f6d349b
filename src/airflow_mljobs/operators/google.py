"""What the operators of the Google services have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.operators.base import JobOperator

REGION = re.compile(r"[a-z][a-z0-9-]*")
PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z0-9-]+")


class GoogleJobOperator(JobOperator):
    """Takes a project and an identity at Google.

    :param project_id: where the jobs are; default the connection's.
    :param gcp_conn_id: a connection of type ``google_cloud_platform``.
    :param impersonation_chain: a service account to act as, or the chain that leads to it.
    """

    template_fields: Sequence[str] = ("project_id", "gcp_conn_id", "impersonation_chain")

    def __init__(
        self,
        *,
        project_id: str | None = None,
        gcp_conn_id: str = "google_cloud_default",
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self.gcp_conn_id = gcp_conn_id
        self.impersonation_chain = impersonation_chain

    @property
    def hook_params(self) -> dict[str, Any]:
        """Arguments of the hook."""
        return {"gcp_conn_id": self.gcp_conn_id, "impersonation_chain": self.impersonation_chain}

    @property
    def project(self) -> str:
        """The project given, or else the connection's."""
        project: str = self.hook.resolve_project(self.project_id)
        if not PROJECT.fullmatch(str(project)):
            raise InvalidJobSpec(field="project_id", value=project, rule="names one, by its id or its number")
        return project

    @property
    def parent(self) -> str:
        """The project, as resource names begin."""
        return f"projects/{self.project}"

    @property
    def list_page(self) -> str:
        """Address of the console's list of such jobs."""
        page: str = self.hook.list_url(self.project)
        return page

    def full_name(self, job_id: str) -> str:
        """Return the full resource name of a job."""
        return f"{self.parent}/{self.hook.collection}/{job_id}"


class RegionalJobOperator(GoogleJobOperator):
    """Takes a place at Google, for the services that keep their jobs by region.

    :param region: where the jobs are, such as ``europe-west4``.
    """

    template_fields: Sequence[str] = ("region", *GoogleJobOperator.template_fields)

    def __init__(self, *, region: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region = region

    @property
    def parent(self) -> str:
        """The project and region, as resource names begin."""
        if not REGION.fullmatch(str(self.region)):
            raise InvalidJobSpec(field="region", value=self.region, rule="names one, such as europe-west4")
        return f"{super().parent}/locations/{self.region}"
