"""Makes runs, and hooks for them."""

from __future__ import annotations

from airflow_mljobs.hooks.kfp import KFPRunHook
from contract.drive import Task, submit
from contract.services.base import Service

FAST = {"poll_interval": 0.05}
HANG = {"emulator-outcome": "hang"}


def a_run(service: Service, **labels: str) -> str:
    """Create a run."""
    return str(submit(service.run, Task(), labels=labels)["name"])


def hook_of(service: Service) -> KFPRunHook:
    """Return a hook."""
    hook = service.run().hook
    assert isinstance(hook, KFPRunHook)
    return hook
