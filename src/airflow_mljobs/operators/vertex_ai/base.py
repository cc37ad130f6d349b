"""What the lists of Vertex AI's jobs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_mljobs.operators.google import RegionalJobOperator
from airflow_mljobs.operators.small import ListJobsOperator


class ListVertexAIJobsOperator(RegionalJobOperator, ListJobsOperator):
    """Returns a list of jobs, each in its JSON form with field names in ``snake_case``.

    A ``filter`` is such as ``state="JOB_STATE_FAILED" AND labels.team="risk"``.

    :param read_mask: which fields to return, such as ``"name,state"``; default the short ones.
    """

    template_fields: Sequence[str] = (
        *RegionalJobOperator.template_fields,
        *ListJobsOperator.template_fields,
        "read_mask",
    )

    def __init__(
        self,
        *,
        read_mask: str = "name,display_name,state,create_time,start_time,end_time,labels,error",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.read_mask = read_mask

    def list_params(self) -> dict[str, Any]:
        """Return what the list is asked with."""
        return super().list_params() | {"read_mask": self.read_mask}
