"""What the services call the things that trials count, and do differently from each other."""

from __future__ import annotations

from collections.abc import Iterable

CREATES = {
    "pipeline_job": "PipelineService/CreatePipelineJob",
    "custom_job": "JobService/CreateCustomJob",
    "notebook_execution_job": "NotebookService/CreateNotebookExecutionJob",
    "mlengine_job": "ml.v1/CreateJob",
    "kfp_run": "kfp.v2beta1/CreateRun",
    "kfp_run_v1": "kfp.v1beta1/CreateRun",
}
"""What creates a job, by service."""

CANCELS = {
    "pipeline_job": "PipelineService/CancelPipelineJob",
    "custom_job": "JobService/CancelCustomJob",
    # It has no call to cancel: to delete a job is to stop it.
    "notebook_execution_job": "NotebookService/DeleteNotebookExecutionJob",
    "mlengine_job": "ml.v1/CancelJob",
    "kfp_run": "kfp.v2beta1/TerminateRun",
    "kfp_run_v1": "kfp.v1beta1/TerminateRun",
}
"""What stops a job, by service."""


def status_of(state: str) -> str:
    """Tell from any service's word for a state what it comes to."""
    for status, endings in {
        "succeeded": ("SUCCEEDED",),
        "failed": ("FAILED",),
        "cancelled": ("CANCELLED", "CANCELED"),
    }.items():
        if state.endswith(endings):
            return status
    return "active"


def as_shown(service: str, statuses: Iterable[str]) -> list[str]:
    """Return how jobs that end so are shown by a service."""
    if service == "notebook_execution_job":  # what is stopped by deleting it leaves nothing
        return [status for status in statuses if status != "cancelled"]
    if service.startswith("kfp"):  # what is terminated ends as failed
        return ["failed" if status == "cancelled" else status for status in statuses]
    return list(statuses)
