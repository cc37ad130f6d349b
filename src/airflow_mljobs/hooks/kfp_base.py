"""One connection to a Kubeflow Pipelines server, and the pages of its lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_mljobs.hooks.kfp_api import KFPApi
from airflow_mljobs.hooks.kfp_connection import KFPConnection
from airflow_mljobs.hooks.kfp_filters import Predicates, list_filter

if TYPE_CHECKING:
    from airflow_mljobs.hooks.kfp_connection import Generation

ITEMS = ("runs", "experiments", "pipelines", "pipeline_versions", "versions")
"""Under which name an answer holds the items of its list; the generations differ."""


class KFPBaseHook(BaseHook):
    """Reads the connection and speaks to its server.

    :param kfp_conn_id: a connection of type ``kfp``.
    :param namespace: where runs are listed and names looked up; default the connection's.
    """

    conn_name_attr = "kfp_conn_id"
    default_conn_name = "kfp_default"
    conn_type = "kfp"
    hook_name = "Kubeflow Pipelines"

    def __init__(self, kfp_conn_id: str = "kfp_default", namespace: str | None = None) -> None:
        super().__init__()
        self.kfp_conn_id = kfp_conn_id
        self._namespace = namespace

    @cached_property
    def settings(self) -> KFPConnection:
        """What the connection says."""
        return self._read_connection()

    @cached_property
    def api(self) -> KFPApi:
        """The server behind the connection."""
        return KFPApi(self.settings, reread=self._read_connection)

    @property
    def namespace(self) -> str | None:
        """Where runs are listed and names looked up; none on a single-user server."""
        return self._namespace or self.settings.namespace

    @property
    def api_version(self) -> Generation:
        """The generation of the API that is spoken: the connection's, or else the server's newest."""
        return self.api.generation

    def get_conn(self) -> KFPApi:
        """Return the server behind the connection."""
        return self.api

    def close(self) -> None:
        """Close the connections that this hook opened."""
        if "api" in vars(self):
            self.api.close()

    def page(
        self,
        operation: str,
        *arguments: str,
        within: Mapping[str, Any],
        filter: str | Predicates | None = None,
        sort_by: str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> dict[str, Any]:
        """Get one page of a list.

        :param operation: a row of the table in `kfp_operations`.
        :param arguments: what its path takes.
        :param within: what the list is confined to, as parameters of the query.
        :param filter: predicates that must all hold.
        :param sort_by: such as ``created_at desc``.
        :param page_size: items in the page.
        :param page_token: where to go on.
        """
        query = {
            **within,
            "filter": list_filter(filter, generation=self.api_version),
            "sort_by": sort_by,
            "page_size": page_size,
            "page_token": page_token,
        }
        return self.api.call(operation, *arguments, query=query)

    @staticmethod
    def items(page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what is on a page; an empty list is left out of the answer."""
        return next((list(page[name]) for name in ITEMS if page.get(name)), [])

    def within(self, namespace: str | None) -> dict[str, Any]:
        """Confine a list to a namespace, in the words of the generation."""
        if not namespace:
            return {}
        return self.owned_by("NAMESPACE", namespace) if self.is_v1 else {"namespace": namespace}

    @staticmethod
    def owned_by(kind: str, owner: str) -> dict[str, Any]:
        """Confine a list of v1beta1 to what belongs to something."""
        return {"resource_reference_key.type": kind, "resource_reference_key.id": owner}

    @property
    def is_v1(self) -> bool:
        """Whether the first generation of the API is spoken."""
        return self.api_version == "v1beta1"

    def _read_connection(self) -> KFPConnection:
        settings = KFPConnection.read(self.get_connection(self.kfp_conn_id))
        for secret in settings.secrets:
            mask_secret(secret)
        return settings
