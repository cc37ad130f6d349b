"""What the operators of the Google services have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.operators.base import JobOperator


class GoogleJobOperator(JobOperator):
    """Takes a place and an identity at Google.

    :param region: where the jobs are, such as ``europe-west4``.
    :param project_id: their project; default the connection's.
    :param gcp_conn_id: a connection of type ``google_cloud_platform``.
    :param impersonation_chain: a service account to act as, or the chain that leads to it.
    """

    template_fields: Sequence[str] = ("region", "project_id", "gcp_conn_id", "impersonation_chain")

    def __init__(
        self,
        *,
        region: str,
        project_id: str | None = None,
        gcp_conn_id: str = "google_cloud_default",
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.region = region
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
        return project

    @property
    def parent(self) -> str:
        """The project and region, as resource names begin."""
        if not self.region:
            raise InvalidJobSpec(field="region", value=self.region, rule="names one, such as europe-west4")
        return f"projects/{self.project}/locations/{self.region}"
