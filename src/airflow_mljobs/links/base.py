"""A link whose address is known as soon as there is a job, and stays when the task is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class ConsoleLink(BaseOperatorLink):
    """Leads to the page that the operator pushed under the link's own XCom key.

    Airflow asks for the address each time that a worker lets go of the task, also when it has not got as
    far as a job; what was pushed before is then answered again, and so never wiped.
    """

    name: ClassVar[str]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing when there is no job yet."""
        page = getattr(operator, "console_page", None)
        return str(page or XCom.get_value(key=self.xcom_key, ti_key=ti_key) or "")
