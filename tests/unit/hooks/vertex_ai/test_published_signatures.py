"""Moving over from the Google provider's hooks is a change of import."""

from __future__ import annotations

import importlib
import inspect
import warnings

import pytest

from airflow_mljobs.hooks.vertex_ai.custom_job import CustomJobHook
from airflow_mljobs.hooks.vertex_ai.pipeline_job import PipelineJobHook

PUBLISHED = {
    PipelineJobHook: [
        "get_pipeline_service_client",
        "get_pipeline_job_object",
        "extract_pipeline_job_id",
        "wait_for_operation",
        "cancel_pipeline_job",
        "create_pipeline_job",
        "run_pipeline_job",
        "submit_pipeline_job",
        "get_pipeline_job",
        "list_pipeline_jobs",
        "delete_pipeline_job",
    ],
    CustomJobHook: [
        "create_custom_job",
        "get_custom_job",
        "list_custom_jobs",
        "delete_custom_job",
        "cancel_custom_job",
        "wait_for_custom_job",
        "get_job_service_client",
        "extract_custom_job_id",
        "wait_for_operation",
    ],
}
MAY_GET_A_DEFAULT = {"list_custom_jobs": ["page_size", "page_token", "filter", "read_mask"]}


def published(hook: type) -> type:
    """Return the Google provider's hook of the same name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no interest: what its own imports have to say
        module = importlib.import_module(
            hook.__module__.replace("airflow_mljobs.hooks", "airflow.providers.google.cloud.hooks")
        )
    found: type = getattr(module, hook.__name__)
    return found


@pytest.mark.parametrize(("hook", "name"), [(hook, name) for hook in PUBLISHED for name in PUBLISHED[hook]])
def test_a_published_method_keeps_its_signature(hook: type, name: str) -> None:
    """A call written for the published hook means the same here; what is ours comes after it."""
    theirs = list(inspect.signature(getattr(published(hook), name)).parameters.values())
    ours = list(inspect.signature(getattr(hook, name)).parameters.values())
    added = ours[len(theirs) :]
    eased = MAY_GET_A_DEFAULT.get(name, [])
    assert [(p.name, p.kind) for p in theirs] == [(p.name, p.kind) for p in ours[: len(theirs)]]
    assert [p.default for p in theirs if p.name not in eased] == [
        p.default for p in ours[: len(theirs)] if p.name not in eased
    ]
    assert [p.name for p in added if p.default is inspect.Parameter.empty] == []


@pytest.mark.parametrize(
    ("hook", "name"),
    [(CustomJobHook, "extract_custom_job_id"), (PipelineJobHook, "extract_pipeline_job_id")],
)
def test_a_published_static_method_stays_one(hook: type, name: str) -> None:
    """An id can be read without a hook."""
    assert [staticmethod] * 2 == [
        type(inspect.getattr_static(kind, name)) for kind in (published(hook), hook)
    ]


def test_ids_are_read_as_published() -> None:
    """Both hooks read the id at the end of a resource name."""
    name = "projects/p/locations/r/customJobs/7"
    assert [
        CustomJobHook.extract_custom_job_id(name),
        PipelineJobHook.extract_pipeline_job_id({"name": name}),
    ] == ["7", "7"]
