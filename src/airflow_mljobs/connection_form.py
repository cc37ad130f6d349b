"""The form for connections to Kubeflow Pipelines, declared once for all versions of Airflow.

Airflow 3.2 and newer read it from the provider's metadata; 3.1 asks the hook's class for widgets.
"""

from __future__ import annotations

from typing import Any

AUTH_LABELS = {
    "none": "Nothing",
    "bearer": "Bearer token",
    "token_file": "Token file",
    "cookie": "Cookies",
    "headers": "Headers",
    "google_id_token": "Google ID token, for the Identity-Aware Proxy",
    "google_access_token": "Google access token",
}
HIDDEN = ["schema", "port", "login"]
LABELS = {"host": "Server URL", "password": "Bearer token"}
PLACEHOLDERS = {
    "host": "https://kubeflow.example/pipeline",
    "password": "where the server takes a token that does not change",
}


def behaviour() -> dict[str, Any]:
    """Return what becomes of Airflow's own fields, in the words of the provider's metadata."""
    return {"hidden-fields": list(HIDDEN), "relabeling": dict(LABELS), "placeholders": dict(PLACEHOLDERS)}


def fields() -> dict[str, Any]:
    """Return our own fields, by their name in the connection's extra, in the order that is shown."""
    return {
        **_section(
            "Authentication",
            auth=_field(
                "Authenticate with",
                "How to show who is asking. Left empty, the first credential that is given decides.",
                enum=list(AUTH_LABELS),
                values_display=dict(AUTH_LABELS),
            ),
            token_file=_field(
                "Token file",
                "Path on workers and triggerers. Read for every request, so that it may be rotated.",
            ),
            iap_client_id=_field("IAP client ID", "OAuth client of Google's Identity-Aware Proxy."),
            cookies=_field(
                "Cookies", "As a browser sends them: authservice_session=… for example.", format="password"
            ),
            headers=_field(
                "Headers",
                'JSON object, sent with every request: {"kubeflow-userid": "ada@example.com"} for example.',
                format="password",
            ),
        ),
        **_section(
            "Runs",
            namespace=_field(
                "Namespace", "Where runs are listed and names looked up. A multi-user server asks for it."
            ),
            api_version=_field(
                "API version",
                "auto takes the newest that the server has.",
                enum=["auto", "v1beta1", "v2beta1"],
                default="auto",
            ),
            ui_url=_field(
                "Web page URL",
                "Where links to runs lead, if not to the server's URL. Of full Kubeflow up to /_/pipeline.",
            ),
        ),
        **_section(
            "TLS",
            verify_ssl=_field("Verify TLS", "Check the server's certificate.", kind="boolean", default=True),
            ssl_ca_cert=_field(
                "CA file", "PEM, on workers and triggerers. Left empty, public authorities are trusted."
            ),
            cert_file=_field("Client certificate", "PEM file. Comes together with its key."),
            key_file=_field("Client key", "PEM file."),
        ),
        **_section(
            "Network",
            proxy=_field(
                "HTTP proxy", "URL, with its user and password where it has any.", format="password"
            ),
            connect_timeout=_field("Connect timeout", "Seconds.", kind="integer", default=10, minimum=1),
            read_timeout=_field(
                "Read timeout",
                "Seconds for which the server may be silent.",
                kind="integer",
                default=60,
                minimum=1,
            ),
        ),
    }


def behaviour_in_python() -> dict[str, Any]:
    """Return `behaviour` in the words of a hook's method."""
    return {name.replace("-", "_"): value for name, value in behaviour().items()}


def widgets() -> dict[str, Any]:
    """Return `fields` as WTForms fields, which know no sections and no labels of choices."""
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import any_of

    kinds = {"string": StringField, "integer": IntegerField, "boolean": BooleanField}
    made = {}
    for name, field in fields().items():
        rules = field["schema"]
        kind = PasswordField if rules.get("format") == "password" else kinds[rules["type"][0]]
        made[name] = kind(
            field["label"],
            # Airflow's stand-in for this validator has no other argument; it makes a list to choose from.
            validators=[any_of(rules["enum"])] if "enum" in rules else [],
            description=field["description"],
            default=rules.get("default"),
        )
    return made


def _section(title: str, **members: dict[str, Any]) -> dict[str, Any]:
    for field in members.values():
        field["schema"]["section"] = title
    return members


def _field(label: str, description: str, *, kind: str = "string", **rules: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **rules}}
