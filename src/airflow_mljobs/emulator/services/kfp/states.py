"""The words of both generations for where a run stands."""

from __future__ import annotations

from collections.abc import Mapping

V1_STATUS: Mapping[str, str] = {
    "PENDING": "Pending",
    "RUNNING": "Running",
    "CANCELING": "Terminating",
    "SUCCEEDED": "Succeeded",
    "SKIPPED": "Skipped",
    "FAILED": "Failed",
}
"""The v1beta1 status for each v2beta1 state."""
