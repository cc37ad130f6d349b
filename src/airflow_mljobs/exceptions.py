"""What can go wrong with a remote job, so that retry policies and callbacks can tell it apart.

::

    AirflowException
    ├── JobError               the remote job's end, or our losing sight of it
    │   ├── JobFailed          the service says that the work failed
    │   ├── JobCancelled       somebody, or a deadline of the service, cancelled it
    │   ├── JobTimeout         our own deadline passed
    │   ├── JobNotFound        the service no longer knows the job
    │   ├── JobUnreachable     the service did not answer for too long
    │   └── JobConflict        somebody else changed the job in the meantime
    └── AirflowFailException
        └── InvalidJobSpec     (also a ValueError) a retry cannot help
"""

from __future__ import annotations

from functools import partial
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_mljobs.secrecy import is_secret


class JobError(AirflowException):
    """A remote job did not bring its result; the text names the job, the reason and its fate."""


class JobFailed(JobError):
    """The service reports that the job failed."""


class JobCancelled(JobError):
    """The service reports that the job was cancelled."""


class JobTimeout(JobError):
    """The task's ``execution_timeout`` passed before the job ended."""


class JobNotFound(JobError):
    """The service no longer knows the job, on two looks."""


class JobUnreachable(JobError):
    """The service could not be asked for longer than tolerated; the job itself was left alone."""


class JobConflict(JobError):
    """A change was refused, as somebody else changed the job since it was read; nothing was done."""


class InvalidJobSpec(AirflowFailException, ValueError):
    """A value that no retry makes right; the text names the field, the value and the rule.

    Of an entry whose key says that it is secret, such as ``parameters['api_key']``, it shows no value.
    """

    def __init__(self, *, field: str, value: object, rule: str) -> None:
        shown = "***" if "[" in field and is_secret(field) else _brief(value)
        super().__init__(f"{field}={shown} is not valid: {rule}")
        self.field = field
        self.value = value
        self.rule = rule

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), field=self.field, value=self.value, rule=self.rule), ()


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
