"""Says in words what a connection to Kubeflow Pipelines leads to, or what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_connection import AuthMode
from airflow_mljobs.hooks.kfp_errors import KFPLoginRequired, KFPNoToken, KFPServerError, KFPUnreachable

if TYPE_CHECKING:
    from airflow_mljobs.hooks.kfp_base import KFPBaseHook

SHOWN: Mapping[AuthMode, str] = {
    AuthMode.NONE: "without credentials",
    AuthMode.BEARER: "with a bearer token",
    AuthMode.TOKEN_FILE: "with the token in a file",
    AuthMode.COOKIE: "with cookies",
    AuthMode.HEADERS: "with headers",
    AuthMode.GOOGLE_ID_TOKEN: "with an ID token of Google's",
    AuthMode.GOOGLE_ACCESS_TOKEN: "with an access token of Google's",
}

UNREACHABLE: Mapping[str, str] = {
    "NameResolutionError": "No machine has the name in the server's URL: check it, and the network's DNS.",
    "NewConnectionError": "Nothing listens there: check the server's URL and its port.",
    "ConnectTimeoutError": "Nothing answered in time: check the server's URL, and firewalls on the way.",
    "ReadTimeoutError": "The server is there, and answered too late: see how busy it is.",
    "ProtocolError": "Whatever listens there speaks no HTTP: check the port in the server's URL.",
    "ProxyError": "Check the connection's proxy.",
}
"""What to do, by the name of urllib3's that the text of a `KFPUnreachable` begins with."""


def finding(hook: KFPBaseHook) -> str:
    """Say which server let in whom, and where."""
    api, settings = hook.api, hook.settings
    account = f" of {api.account}" if api.account else ""
    runs = f"Runs of namespace {hook.namespace}" if hook.namespace else "Runs"
    return (
        f"{api.server} answers at {settings.host} through {api.generation}, asked "
        f"{SHOWN[settings.auth]}{account}. {runs} may be listed."
    )


def complaint(error: BaseException, *, namespace: str | None) -> str:
    """Say what is wrong, and what to do where that is known.

    :param error: what was met.
    :param namespace: where runs were asked for.
    """
    ours = isinstance(error, InvalidJobSpec | KFPServerError | KFPUnreachable)
    text = str(error) if ours else f"{type(error).__name__}: {error}"
    return f"{text.rstrip('.')}. {_advice(error, namespace)}".strip()


def _advice(error: BaseException, namespace: str | None) -> str:
    match error:
        case KFPLoginRequired():
            return (
                "Give a token, the cookies of a session, or the client ID of Google's Identity-Aware Proxy, "
                "whichever the proxy takes."
            )
        case KFPServerError(status=401):
            return (
                "The server does not know who asks: see that the credentials are given, have not expired, "
                "and are meant for this server."
            )
        case KFPServerError(status=403):
            where = f"namespace {namespace}" if namespace else "the namespace"
            return f"Whoever asks is known, and lacks a grant: let them list runs in {where}."
        case KFPServerError(status=404) if not error.by_server:
            return (
                "Kubeflow Pipelines is not at this path: the server's URL ends where /apis begins, "
                "such as https://kubeflow.example/pipeline."
            )
        case KFPServerError(status=400) if error.by_server and not namespace:
            return "A server for many users has runs in namespaces: give the connection one."
        case KFPNoToken():
            return "Check this machine's own credentials, such as GOOGLE_APPLICATION_CREDENTIALS."
        case KFPUnreachable():
            return _way_to_the_server(str(error))
    return ""


def _way_to_the_server(text: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "Name the authority that vouches for the server in the connection's CA file; "
            "and see that the certificate is made out to the name in the server's URL."
        )
    if text.startswith("SSLError"):
        return "See whether the server speaks TLS there: where it does not, its URL begins with http://."
    return UNREACHABLE.get(text.partition(":")[0], "")
