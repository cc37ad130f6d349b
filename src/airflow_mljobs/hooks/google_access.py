"""Says in words whom Google's services take a connection for, or what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.outcome import error_text

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

NO_TOKEN = (
    "Google gave no token: the key may be revoked, or this machine's clock be wrong; with an impersonation "
    "chain, each account needs the role Service Account Token Creator (roles/iam.serviceAccountTokenCreator) "
    "on the one that follows."
)
NO_METADATA = "Getting metadata from plugin failed"
"""How gRPC tells that there was no token; the rest is the reason."""

ADVICE: Mapping[type[BaseException], str] = {
    auth.DefaultCredentialsError: (
        "Give the connection a key (key_path or keyfile_dict), or this machine credentials of its own, such "
        "as GOOGLE_APPLICATION_CREDENTIALS names."
    ),
    auth.RefreshError: NO_TOKEN,
    api.Unauthorized: "See whether the key is revoked, and which account it is for.",
    api.Forbidden: (
        "See that the service's API is enabled in the project, and grant whoever asks a role that may list "
        "jobs, such as {role}."
    ),
    api.NotFound: "Check the project and the region.",
    api.BadRequest: "Check the project and the region.",
    api.ServerError: "Check the region, the connection's api_endpoint, and the network's way there.",
    ConnectionError: "Check the connection's api_endpoint, and the network's way there.",
}
"""What to do about an error, by the nearest of its own classes."""


def account_of(credentials: Credentials) -> str:
    """Say whom requests come from."""
    if isinstance(credentials, AnonymousCredentials):
        return "nobody: without credentials"
    email = getattr(credentials, "service_account_email", None) or getattr(credentials, "account", None)
    return str(email or f"whoever {type(credentials).__name__} are for")


def complaint(error: BaseException, *, role: str) -> str:
    """Say what is wrong, and what to do where that is known.

    :param error: what was met.
    :param role: one that is enough for asking, by name and id.
    """
    text = str(error) if isinstance(error, InvalidJobSpec) else error_text(error)
    if NO_METADATA in text:
        advice = NO_TOKEN
    else:
        advice = next((ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE), "")
    return f"{text.rstrip('.')}. {advice.format(role=role)}".strip()
