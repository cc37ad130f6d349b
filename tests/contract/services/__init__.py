"""The services under contract; a new one joins by a line here."""

from __future__ import annotations

from contract.services.base import Service
from contract.services.kfp import KFP_RUN_V1, KFP_RUN_V2
from contract.services.mlengine import ML_ENGINE_JOB
from contract.services.notebook import NOTEBOOK_EXECUTION_JOB
from contract.services.vertex_ai import CUSTOM_JOB, PIPELINE_JOB

SERVICES: tuple[Service, ...] = (
    PIPELINE_JOB,
    CUSTOM_JOB,
    NOTEBOOK_EXECUTION_JOB,
    ML_ENGINE_JOB,
    KFP_RUN_V2,
    KFP_RUN_V1,
)
