"""List filters, through the official client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from emulator_samples import PARENT, custom_job
from google.api_core import exceptions
from google.cloud.aiplatform_v1 import JobServiceClient

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run one emulator for all tests here, none of which changes what another sees."""
    with Emulator(data=tmp_path_factory.mktemp("emulator"), seconds=100) as running:
        yield running


@pytest.fixture(scope="module")
def named(emulator: Emulator) -> dict[str, Any]:
    """Create four jobs a minute apart: a has succeeded, b failed, c is cancelled, d active."""
    labels = {
        "a": {"team": "ml", "env": "prod"},
        "b": {"team": "ml", "emulator-outcome": "failed"},
        "c": {"team": "ops", "emulator-outcome": "cancelled"},
        "d": {"emulator-outcome": "hang"},
    }
    created = {}
    with grpc.insecure_channel(emulator.grpc_address) as channel:
        transport = JobServiceClient.get_transport_class("grpc")(channel=channel)
        for name, own in labels.items():
            job = custom_job(display_name=f"{name}-job", labels={"emulator-seconds": "10", **own})
            created[name] = JobServiceClient(transport=transport).create_custom_job(
                parent=PARENT, custom_job=job
            )
            emulator.clock.advance(60)
    return created


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abcd"),
        ('state="JOB_STATE_SUCCEEDED"', "a"),
        ("state != JOB_STATE_RUNNING", "abc"),
        ("labels.team=ml", "ab"),
        ('labels."team" = "ml"', "ab"),
        ("labels.team != ml", "c"),
        ("NOT labels.team=ml", "cd"),
        ("labels.env:*", "a"),
        ("labels:env", "a"),
        ('display_name="b-job"', "b"),
        ('display_name="*-job"', "abcd"),
        ('display_name:"b*" OR display_name:"c*"', "bc"),
        ("displayName = a-job", "a"),
        ("labels.team=ml AND NOT state=JOB_STATE_FAILED", "a"),
        ("labels.team=ml -state=JOB_STATE_FAILED", "a"),
        ("-(labels.team=ml state=JOB_STATE_FAILED)", "acd"),
        # OR binds tighter than AND: without that this would hold for a, too.
        ("labels.env=prod OR labels.team=ops AND state=JOB_STATE_CANCELLED", "c"),
        ("(labels.env=prod) OR (labels.team=ops AND state=JOB_STATE_CANCELLED)", "ac"),
        ('start_time > "2001-01-01T00:00:00Z" AND end_time > "2001-01-01T00:00:00+02:00"', "abc"),
        ('create_time < "2001-01-01T00:00:00Z"', ""),
    ],
)
def test_filter(jobs: JobServiceClient, named: dict[str, Any], text: str, expected: str) -> None:
    """A filter finds exactly the jobs that AIP-160 says."""
    found = jobs.list_custom_jobs({"parent": PARENT, "filter": text})

    assert sorted(job.display_name[0] for job in found) == list(expected)


def test_filter_compares_times(jobs: JobServiceClient, named: dict[str, Any]) -> None:
    """A time taken from a resource splits the list at that resource."""
    moment = named["b"].create_time.rfc3339()

    later = jobs.list_custom_jobs({"parent": PARENT, "filter": f'create_time > "{moment}"'})
    until = jobs.list_custom_jobs({"parent": PARENT, "filter": f'create_time <= "{moment}"'})

    assert [job.display_name for job in later] == ["d-job", "c-job"]
    assert [job.display_name for job in until] == ["b-job", "a-job"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour=red", "unknown field 'colour'"),
        ("state=JOB_STATE_DREAMING", "'JOB_STATE_DREAMING' is not a value of field 'state'"),
        ("state>JOB_STATE_FAILED", "field 'state' does not support '>'"),
        ("create_time>yesterday", "'yesterday' of field 'create_time' is not a time"),
        ("labels=ml", "field 'labels' needs a key"),
        ("state", "expected a comparison after 'state'"),
        ("state=", "expected a value, found 'end of filter'"),
        ("(state=JOB_STATE_FAILED", "expected ')'"),
        ("state=JOB_STATE_FAILED)", "unexpected ')'"),
        ('display_name="open', "cannot read"),
    ],
)
def test_bad_filter(jobs: JobServiceClient, text: str, reason: str) -> None:
    """A filter that makes no sense is refused with the reason."""
    with pytest.raises(exceptions.InvalidArgument) as refused:
        jobs.list_custom_jobs({"parent": PARENT, "filter": text})

    assert reason in refused.value.message
