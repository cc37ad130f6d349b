"""Triggers travel from the worker to the triggerer through the database."""

from __future__ import annotations

import inspect
import pkgutil
from typing import Any

import pytest
from travel import through_base_serialization, through_serde
from unit_samples import NAME, public_classes

from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.triggers.base import JobTrigger
from airflow_mljobs.triggers.vertex_ai import CustomJobTrigger

TRIGGERS = [kind for kind in public_classes("triggers", JobTrigger) if kind is not JobTrigger]
HOOK_PARAMS = {"gcp_conn_id": "google_cloud_default", "impersonation_chain": ["a@p.iam", "b@p.iam"]}
LEAST: dict[str, Any] = {"job_name": NAME, "hook_params": HOOK_PARAMS, "poll_interval": 30.0}
ALL: dict[str, Any] = LEAST | {
    "deadline": 1_800_000_000.5,
    "cancel_on_kill": False,
    "poll_failure_tolerance": 60.0,
}


class OwnTrigger(CustomJobTrigger):
    """A user's own."""


def test_there_are_triggers() -> None:
    """The walk below meets every published trigger."""
    assert {"PipelineJobTrigger", "CustomJobTrigger"} <= {kind.__name__ for kind in TRIGGERS}


@pytest.mark.parametrize("travel", [through_serde, through_base_serialization])
@pytest.mark.parametrize("given", [LEAST, ALL], ids=["least", "all"])
@pytest.mark.parametrize("kind", [*TRIGGERS, OwnTrigger])
def test_a_trigger_arrives_as_it_left(kind: type[JobTrigger], given: dict[str, Any], travel: Any) -> None:
    """The triggerer rebuilds the very trigger, of the very class, a user's own included."""
    left = kind(**given)
    path, values = left.serialize()
    arrived = pkgutil.resolve_name(path)(**travel(values))
    assert (f"{kind.__module__}.{kind.__qualname__}", kind) == (path, type(arrived))
    assert left.serialize() == arrived.serialize()


@pytest.mark.parametrize("kind", TRIGGERS)
def test_a_trigger_writes_its_arguments_and_nothing_else(kind: type[JobTrigger]) -> None:
    """What lies in the database, and what logs show of a trigger, is what it was given."""
    trigger = kind(**ALL)
    path, values = trigger.serialize()
    assert set(inspect.signature(kind).parameters) == set(values)
    assert values == ALL
    assert f"<{path} {', '.join(f'{key}={value}' for key, value in values.items())}>" == repr(trigger)


@pytest.mark.parametrize("kind", TRIGGERS)
def test_what_was_given_may_change_afterwards(kind: type[JobTrigger]) -> None:
    """A trigger keeps its own copy of the hook's arguments."""
    params = {"gcp_conn_id": "a"}
    trigger = kind(**LEAST | {"hook_params": params})
    params["gcp_conn_id"] = "b"
    assert trigger.hook_params == {"gcp_conn_id": "a"}


@pytest.mark.parametrize("kind", TRIGGERS)
def test_a_trigger_names_a_hook_that_exists(kind: type[JobTrigger]) -> None:
    """The hook is named by a path, and found there when it is needed."""
    hook = pkgutil.resolve_name(kind.hook_class)
    assert issubclass(hook, JobHook)
    assert not inspect.isabstract(hook)


@pytest.mark.parametrize("kind", TRIGGERS)
def test_arguments_are_given_by_name(kind: type[JobTrigger]) -> None:
    """No argument of a trigger depends on its place."""
    kinds = {p.kind for p in inspect.signature(kind).parameters.values()}
    assert {inspect.Parameter.KEYWORD_ONLY} == kinds
