"""The cost of polling beside the Google provider's, in counts, which no slow machine can change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from benchmarks.jobs import KINDS, Jobs
from benchmarks.polling import Figures, Plan, measure
from benchmarks.service import Service

PLAN = Plan(jobs=150, interval=2.0, window=6.0)
REQUESTS = {"pipeline": 1 / 6, "custom": 1 / 30}
"""Ours to theirs: a page holds all of these jobs; how far some pipelines have come is asked on top."""

SIDES = ("ours", "incumbent")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Figures]:
    """Both sides and both kinds at once, each on a service of its own: most of it is waiting for imports."""
    cases = [(kind, side) for kind in KINDS for side in SIDES]

    def run(kind: str, side: str, service: Service) -> Figures:
        service.wait()
        return measure(Jobs(service=service, kind=kind), side=side, plan=PLAN)

    with ExitStack() as stack:
        homes = [tmp_path_factory.mktemp(f"{kind}-{side}") / "benchmark" for kind, side in cases]
        services = [stack.enter_context(Service(home=home).running()) for home in homes]
        pool = stack.enter_context(ThreadPoolExecutor(len(cases)))
        return dict(zip(cases, pool.map(run, *zip(*cases, strict=True), services), strict=True))


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
@pytest.mark.parametrize("side", SIDES)
def test_the_work_is_done(measured: dict[tuple[str, str], Figures], kind: str, side: str) -> None:
    """Neither side is cheap because it has stopped to look."""
    figures = measured[kind, side]
    assert (figures.unseen, figures.given_up) == (0, 0)
