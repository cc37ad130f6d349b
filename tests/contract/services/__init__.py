"""The services under contract; a new one joins by a line here."""

from __future__ import annotations

from contract.services.base import Service
from contract.services.vertex_ai import CUSTOM_JOB, PIPELINE_JOB

SERVICES: tuple[Service, ...] = (PIPELINE_JOB, CUSTOM_JOB)
