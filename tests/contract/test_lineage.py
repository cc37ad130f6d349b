"""What a task tells of its job to the DAGs that are scheduled on it, and to OpenLineage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.sdk import Asset, AssetAlias
from openlineage.client.serde import Serde

from airflow_mljobs.exceptions import InvalidJobSpec, JobFailed
from airflow_mljobs.operators.base import RunJobOperator
from contract.drive import Task, run_task
from contract.services.base import Service

FAST = {"poll_interval": 0.05}
MODEL = Asset("model")
FILES = AssetAlias("files")


class Made:
    """Makes the operators of a task, of which OpenLineage asks the one that ran last."""

    def __init__(self, make: Callable[..., RunJobOperator]) -> None:
        self.make = make

    def __call__(self, **kwargs: Any) -> RunJobOperator:
        """Make an operator."""
        self.last = self.make(**kwargs)
        return self.last

    def event(self, what: str) -> dict[str, Any]:
        """Return what OpenLineage's provider gets, as it is sent."""
        extractor = DefaultExtractor(self.last)
        lineage = extractor.extract() if what == "start" else getattr(extractor, f"extract_on_{what}")(None)
        assert lineage is not None
        return dict(Serde.to_dict(lineage))


def addresses(datasets: list[dict[str, Any]]) -> list[str]:
    """Return datasets as addresses."""
    return [f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets]


def outputs_of(service: Service, job: str) -> list[str]:
    """Return where a job writes to."""
    return [address.format(job_id=job.rpartition("/")[-1]) for address in service.outputs]


def known_before(service: Service) -> list[str]:
    """Return where a job will write to, as far as that is not named after the job."""
    return [address for address in service.outputs if "{job_id}" not in address]


def test_openlineage_is_told_of_a_success(service: Service, mode: str, task: Task) -> None:
    """A job that succeeded is told with its end, its page, and what it read and wrote."""
    made = Made(service.run)
    result = run_task(made, task, mode=mode, **FAST)

    event = made.event("complete")

    facet, query = event["run_facets"]["mljobs_job"], event["run_facets"]["externalQuery"]
    keys = ("name", "state", "status", "url", "created", "started", "ended")
    assert {key: facet.get(key) for key in keys} == {key: result[key] for key in keys}
    assert facet["service"] == query["source"] == service.name.partition("-")[0]
    assert facet["_producer"].startswith("pkg:pypi/airflow-provider-mljobs@")
    assert facet["_schemaURL"].endswith("#/$defs/RunFacet")
    assert query["externalQueryId"] == result["name"]
    assert addresses(event["inputs"]) == list(service.inputs)
    assert addresses(event["outputs"]) == outputs_of(service, result["name"])


def test_openlineage_is_told_of_a_failure(service: Service, mode: str, task: Task) -> None:
    """A job that failed is told as failed, with what it read and wrote until then."""
    made = Made(service.run)
    with pytest.raises(JobFailed):
        run_task(made, task, mode=mode, labels={"emulator-outcome": "failed"}, **FAST)

    event = made.event("failure")

    facet = event["run_facets"]["mljobs_job"]
    assert (facet["status"], facet["name"]) == ("failed", task.xcoms["job_name"])
    assert facet["ended"]
    assert addresses(event["outputs"]) == outputs_of(service, facet["name"])


def test_openlineage_is_told_of_no_job_before_there_is_one(service: Service, task: Task) -> None:
    """A task that has submitted nothing, yet or at all, tells of no job, only of what it would write."""
    made = Made(service.broken)
    with pytest.raises(InvalidJobSpec):
        run_task(made, task, mode="worker", **FAST)

    failed = made.event("failure")

    assert made.event("start") == failed
    assert failed.get("run_facets", {}) == {}
    assert addresses(failed["outputs"]) == known_before(service)


def test_assets_are_told_of_a_success(service: Service, mode: str, task: Task) -> None:
    """An asset's event holds the job and where its outputs are; of an alias, each output is made an asset."""
    result = run_task(service.run, task, mode=mode, outlets=[MODEL, FILES], **FAST)

    outputs = outputs_of(service, result["name"])
    extra = {"job": result, "inputs": list(service.inputs), "outputs": outputs}
    assert task.outlet_events[MODEL].extra == extra
    resolved = task.outlet_events[FILES].asset_alias_events
    assert [event.dest_asset_key.uri for event in resolved] == outputs
    assert all(event.extra == extra for event in resolved)


def test_assets_are_told_of_no_failure(service: Service, mode: str, task: Task) -> None:
    """A job that failed tells its assets nothing."""
    with pytest.raises(JobFailed):
        run_task(
            service.run,
            task,
            mode=mode,
            outlets=[MODEL, FILES],
            labels={"emulator-outcome": "failed"},
            **FAST,
        )

    assert list(task.outlet_events) == []


def test_assets_are_told_of_a_job_that_nobody_waits_for(service: Service, task: Task) -> None:
    """Without waiting, an asset's event holds the job as it was submitted."""
    result = run_task(
        service.run, task, mode="worker", wait_for_completion=False, outlets=[MODEL], durable=False
    )

    assert task.outlet_events[MODEL].extra["job"] == result
    assert result["status"] == "active"


def test_declared_assets_are_datasets_too(service: Service, task: Task) -> None:
    """What a user declares in inlets and outlets is told beside what the job's own fields say, each once."""
    made = Made(service.run)
    twice = [Asset("twice", uri=address) for address in known_before(service)]
    data = Asset("data", uri="gs://contract/data.csv")
    result = run_task(made, task, mode="worker", inlets=[data], outlets=twice, **FAST)

    event = made.event("complete")

    assert addresses(event["inputs"]) == [*service.inputs, "gs://contract/data.csv"]
    assert addresses(event["outputs"]) == outputs_of(service, result["name"])
