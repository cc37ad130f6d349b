"""The cost of polling beside the Google provider's, in counts, and at a pace that a slow machine can keep."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from benchmarks.jobs import KINDS, Jobs
from benchmarks.polling import Figures, Plan, measure
from benchmarks.service import Service

PLAN = Plan(jobs=60, interval=4.0, window=12.0)
REQUESTS = {"pipeline": 1 / 3, "custom": 1 / 12}
"""Ours to theirs: a page holds all of these jobs; how far some pipelines have come is asked on top."""

SIDES = ("ours", "incumbent")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Figures]:
    """Both kinds at once, each on a service of its own, and one side after the other."""

    def run(kind: str, service: Service) -> dict[tuple[str, str], Figures]:
        service.wait()
        jobs = Jobs(service=service, kind=kind)
        return {(kind, side): measure(jobs, side=side, plan=PLAN) for side in SIDES}

    with ExitStack() as stack:
        homes = [tmp_path_factory.mktemp(kind) / "benchmark" for kind in KINDS]
        services = [stack.enter_context(Service(home=home).running()) for home in homes]
        pool = stack.enter_context(ThreadPoolExecutor(len(KINDS)))
        first, second = pool.map(run, KINDS, services)
        return first | second


@pytest.mark.parametrize("kind", KINDS)
def test_requests(measured: dict[tuple[str, str], Figures], kind: str) -> None:
    """Many jobs cost few requests."""
    ours, incumbent = (measured[kind, side] for side in SIDES)
    assert ours.requests <= incumbent.requests * REQUESTS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_connections(measured: dict[tuple[str, str], Figures], kind: str) -> None:
    """All triggers of a scope share a connection, where each of the incumbent's opens its own."""
    assert measured[kind, "ours"].connections <= 2
    assert measured[kind, "incumbent"].connections >= PLAN.jobs


@pytest.mark.parametrize("kind", KINDS)
def test_the_work_is_done(measured: dict[tuple[str, str], Figures], kind: str) -> None:
    """Ours is not cheap because it has stopped to look."""
    figures = measured[kind, "ours"]
    assert (figures.unseen, figures.given_up) == (0, 0)
