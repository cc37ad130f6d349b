"""Which server is emulated: its release, its tenants, and the proxy in front of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import grpc
from starlette.responses import RedirectResponse, Response

from airflow_mljobs.emulator.errors import ServiceError, invalid

if TYPE_CHECKING:
    from airflow_mljobs.emulator.http import Ask

V1, V2 = "v1beta1", "v2beta1"
LOGIN_PATH = "/_emulator/kfp/login"
USER_HEADER = "kubeflow-userid"


@dataclass(frozen=True, kw_only=True)
class Release:
    """What sets the releases of the server apart.

    :param tag_name: the release as its health check tells it.
    :param apis: the API generations that it serves.
    :param has_error_field: whether errors repeat their message as ``error`` (grpc-gateway 1).
    :param streams_artifacts: whether artifacts are read beside the API, with errors of another form.
    :param takes_plugins: whether a run has the fields for plugins.
    """

    tag_name: str
    apis: tuple[str, ...] = (V1, V2)
    has_error_field: bool = False
    streams_artifacts: bool = False
    takes_plugins: bool = False

    @property
    def has_v2(self) -> bool:
        """Whether it is a 2.x, which serves v1beta1 too, but by other rules than before."""
        return V2 in self.apis


RELEASES: Mapping[str, Release] = {
    "1.8": Release(tag_name="1.8.22", apis=(V1,), has_error_field=True),
    "2.5": Release(tag_name="2.5.0", has_error_field=True),
    "2.17": Release(tag_name="2.17.0", streams_artifacts=True, takes_plugins=True),
}


@dataclass(frozen=True, kw_only=True)
class KfpSettings:
    """How the server is set up; a test may change it while it runs, through ``/_emulator/kfp``.

    :param release: one of `RELEASES`.
    :param multi_user: whether runs belong to namespaces, and users need grants for them.
    :param grants: the verbs (``*``: all) that a user, told by the header `USER_HEADER`, has in a namespace.
    :param token: the bearer token that every request must bring; empty for none.
    :param login_page: whether a request that is not let in is led to a page of HTML instead of refused.
    """

    release: str = "2.17"
    multi_user: bool = False
    grants: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    token: str = ""
    login_page: bool = False

    def __post_init__(self) -> None:
        if self.release not in RELEASES:
            msg = f"release must be one of {', '.join(RELEASES)}, got {self.release!r}"
            raise ValueError(msg)


class KfpServer:
    """The server's settings in force, and what follows from them for each request."""

    def __init__(self, settings: KfpSettings) -> None:
        self.settings = settings

    @property
    def release(self) -> Release:
        """The release that is emulated."""
        return RELEASES[self.settings.release]

    def change(self, news: Mapping[str, Any]) -> None:
        """Take settings by their names; those not named stay.

        :raises ValueError: for an unknown setting or release.
        """
        unknown = set(news) - {known.name for known in fields(KfpSettings)}
        if unknown:
            msg = f"there is no setting {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        self.settings = replace(self.settings, **news)

    def as_json(self) -> dict[str, Any]:
        """Show the settings."""
        return asdict(self.settings)

    def admit(self, ask: Ask) -> Response | None:
        """Do what a proxy does to a request that brings no good token: refuse it, or lead it to a login."""
        token = self.settings.token
        if token and ask.headers.get("authorization") == f"Bearer {token}":
            return None
        if self.settings.login_page:
            return RedirectResponse(LOGIN_PATH, status_code=302)
        if token:
            raise ServiceError(grpc.StatusCode.UNAUTHENTICATED, "Unauthorized: no valid bearer token.")
        return None

    def serves(self, api: str) -> None:
        """Refuse requests to an API generation that the release does not have."""
        if api not in self.release.apis:
            raise ServiceError(grpc.StatusCode.NOT_FOUND, "Not Found")

    def authorize(self, ask: Ask, namespace: str, verb: str, noun: str = "runs") -> None:
        """Hold a user of a multi-user server to their grants."""
        if not self.settings.multi_user:
            return
        user = ask.headers.get(USER_HEADER)
        if not user:
            raise ServiceError(
                grpc.StatusCode.UNAUTHENTICATED, "Request header error: there is no user identity header."
            )
        verbs = self.settings.grants.get(user, {}).get(namespace, ())
        if not {verb, "*"} & set(verbs):
            msg = (
                f"Failed to authorize with API: User '{user}' is not authorized with reason: no grant "
                f"(request: Namespace: {namespace}, Verb: {verb}, Group: pipelines.kubeflow.org, "
                f"Resource: {noun})"
            )
            raise ServiceError(grpc.StatusCode.PERMISSION_DENIED, msg)

    def uncreatable(self, reason: str) -> ServiceError:
        """Refuse a run for its user's mistake, as the release does."""
        if self.release.has_v2:
            message = f"Failed to create a run: InternalServerError: {reason}"
            return ServiceError(grpc.StatusCode.INTERNAL, message)
        return invalid(f"Validate create run request failed.: Invalid input error: {reason}")

    def envelope(self, error: ServiceError) -> dict[str, Any]:
        """Put an error into the form of the release's gateway."""
        code = error.code.value[0]
        status = {"code": code, "message": error.message}
        details = [{"@type": "type.googleapis.com/google.rpc.Status", **status}]
        repeated = {"error": error.message} if self.release.has_error_field else {}
        return {**repeated, **status, "details": details}
