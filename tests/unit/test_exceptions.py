"""What went wrong is told by its class."""

from __future__ import annotations

import inspect
import pickle

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_mljobs import exceptions
from airflow_mljobs.exceptions import InvalidJobSpec, JobError

DRAWN = {
    "JobError": (AirflowException,),
    "JobFailed": (JobError,),
    "JobCancelled": (JobError,),
    "JobTimeout": (JobError,),
    "JobNotFound": (JobError,),
    "JobUnreachable": (JobError,),
    "JobConflict": (JobError,),
    "InvalidJobSpec": (AirflowFailException, ValueError),
}
OWN = {
    name: kind
    for name, kind in vars(exceptions).items()
    if inspect.isclass(kind) and kind.__module__ == exceptions.__name__
}


def test_the_tree_is_as_drawn() -> None:
    """Each exception has the parents that the module's documentation draws, and all are drawn."""
    assert {name: kind.__bases__ for name, kind in OWN.items()} == DRAWN
    assert [name for name in OWN if name not in (exceptions.__doc__ or "")] == []


def test_only_a_wrong_value_is_not_worth_a_retry() -> None:
    """Airflow retries whatever befell a job, and never a value that stays wrong."""
    assert [name for name, kind in OWN.items() if issubclass(kind, AirflowFailException)] == [
        "InvalidJobSpec"
    ]


@pytest.mark.parametrize("parent", [AirflowFailException, ValueError])
def test_a_wrong_value_is_caught_as_either(parent: type[Exception]) -> None:
    """A wrong value is an error of Airflow's and of Python's."""
    with pytest.raises(parent, match="field=0 is not valid: is greater than 0"):
        raise InvalidJobSpec(field="field", value=0, rule="is greater than 0")


def test_a_wrong_value_names_field_and_rule() -> None:
    """Field and rule can be read without reading the text."""
    error = InvalidJobSpec(field="labels['a']", value="X", rule="is lower case")
    assert (error.field, error.rule) == ("labels['a']", "is lower case")
    assert str(error) == "labels['a']='X' is not valid: is lower case"


def test_a_long_value_is_cut() -> None:
    """A value of any size makes an error of a readable one."""
    text = str(InvalidJobSpec(field="f", value="x" * 100_000, rule="is short"))
    assert len(text) < 300
    assert text.endswith("… is not valid: is short")


@pytest.mark.parametrize(
    "error",
    [
        *(kind("the reason") for name, kind in sorted(OWN.items()) if name != "InvalidJobSpec"),
        InvalidJobSpec(field="f", value=1, rule="r"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_sent_to_another_process(error: Exception) -> None:
    """An error keeps its class and its words on the way between processes."""
    received = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error)) == (type(received), str(received))
