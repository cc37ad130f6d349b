"""A run that is asked for, in terms that both generations of the API share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a client says of a run to be created.

    :param manifest: the pipeline itself, as text or already read; nothing for one that the server has.
    :param pipeline_id: a pipeline of the server, whose newest version is meant if no version is named.
    """

    run_id: str = ""
    name: str = ""
    description: str = ""
    experiment_id: str = ""
    service_account: str = ""
    manifest: str | Mapping[str, Any] = ""
    pipeline_id: str = ""
    pipeline_version_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pipeline_root: str = ""
