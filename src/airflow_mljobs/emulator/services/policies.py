"""Etags, masks and access policies, alike in all of Google's services that speak JSON."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Any

import grpc

from airflow_mljobs.emulator.errors import ServiceError
from airflow_mljobs.emulator.services.mlengine_rules import FieldError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PERMISSION = re.compile(r"[a-z]+\.[A-Za-z]+\.[A-Za-z]+")
_VERSIONS = (0, 1, 3)
_DEFAULT_MASK = "bindings,etag"


def new_etag() -> str:
    """Draw the mark of a version that was never there before."""
    return base64.b64encode(secrets.token_bytes(8)).decode()


def compare(etag: str | None, current: str | None) -> None:
    """Refuse a change of a version that is no longer the current one; see https://google.aip.dev/154."""
    if etag != current:
        message = "There were concurrent changes: the etag is not the current one. Read again, and retry."
        raise ServiceError(grpc.StatusCode.ABORTED, message)


def mask_of(text: str) -> frozenset[str]:
    """Read a field mask in its JSON form."""
    return frozenset(path.strip() for path in text.split(",") if path.strip())


def check_version(version: int, *, field: str) -> None:
    """Refuse a form of policy that there is not."""
    if version not in _VERSIONS:
        raise FieldError(f"{field}.version", "Must be 0, 1 or 3.")


def check_permissions(permissions: list[str]) -> list[str]:
    """Return the permissions; refuse what is none, wildcards included."""
    for permission in permissions:
        if not _PERMISSION.fullmatch(permission):
            raise FieldError("permissions", f"'{permission}' is not a permission.")
    return permissions


def change(current: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy that a request makes of the current one."""
    policy = request.get("policy")
    if policy is None:
        raise FieldError("policy", "Must be set.")
    version = policy.get("version", 1)
    check_version(version, field="policy")
    if "etag" in policy:
        compare(policy["etag"], current.get("etag"))
    mask = mask_of(request.get("updateMask", _DEFAULT_MASK))
    # A field that the mask names and the policy leaves out is emptied.
    kept = {field: value for field, value in current.items() if field not in mask}
    changed = {field: policy[field] for field in mask & policy.keys()}
    return {**kept, **changed, "version": version, "etag": new_etag()}
