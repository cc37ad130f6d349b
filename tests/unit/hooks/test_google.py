"""What the Google hooks read from a connection, and the rules that all their services share."""

from __future__ import annotations

import json

import pytest
from google.auth.credentials import AnonymousCredentials
from unit_samples import refused

from airflow_mljobs.hooks.google import check_display_name, check_labels
from airflow_mljobs.hooks.vertex_ai.custom_job import CustomJobHook

KEY_RULE = "begins with a lower-case letter and has at most 63 of a-z, 0-9, _ and -"
VALUE_RULE = "a string of at most 63 of a-z, 0-9, _ and -"


@pytest.mark.parametrize("labels", [{}, {"a": ""}, {"a-b_1": "x-y_2"}, {"a" * 63: "9" * 63}])
def test_good_labels_pass(labels: dict[str, str]) -> None:
    """Labels within the rules are taken."""
    check_labels(labels)


@pytest.mark.parametrize("key", ["", "A", "1a", "-a", "a b", "a.b", "é", "a" * 64, "a\n"])
def test_a_bad_label_key_is_named(key: str) -> None:
    """The refusal of a label names its key and the rule."""
    with refused("labels", key, KEY_RULE):
        check_labels({"fine": "x", key: "x"})


@pytest.mark.parametrize("value", ["A", "a b", "a.b", "é", "a" * 64, "a\n", 5, None, True, ["a"]])
def test_a_bad_label_value_is_named(value: str) -> None:
    """The refusal of a label names its key, its value and the rule; a number is no string."""
    with refused("labels['team']", value, VALUE_RULE):
        check_labels({"team": value})


def test_labels_have_a_number() -> None:
    """A job has at most 64 labels."""
    check_labels({f"a{n}": "x" for n in range(64)})
    with refused("labels", 65, "at most 64"):
        check_labels({f"a{n}": "x" for n in range(65)})


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_display_name_has_a_length(name: str) -> None:
    """A display name has 1 to 128 characters."""
    check_display_name("x" * 128)
    with refused("display_name", name, "1 to 128 characters"):
        check_display_name(name)


def test_the_project_is_the_connections_unless_given() -> None:
    """A project that is named wins over the connection's."""
    hook = CustomJobHook()
    assert (hook.resolve_project("mine"), hook.resolve_project(None)) == ("mine", "the-project")


def test_no_project_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a project anywhere, the refusal says where to give one."""
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", "google-cloud-platform://")
    with refused("project_id", None, "set the project of connection google_cloud_default"):
        CustomJobHook().resolve_project(None)


def test_an_emulator_gets_no_credentials() -> None:
    """Against an emulator nothing of the user's is shown."""
    credentials, project = CustomJobHook().get_credentials_and_project_id()
    assert (AnonymousCredentials, "the-project") == (type(credentials), project)


def test_an_endpoint_in_the_connection_wins_over_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that names its endpoint is not sent to an emulator by a stray variable."""
    extra = {"api_endpoint": "vertex.internal:443", "console_url": "https://console.internal/"}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    hook = CustomJobHook()
    assert (hook.api_endpoint, hook.emulator_host) == ("vertex.internal:443", None)
    assert hook.console_url == "https://console.internal"


def test_an_emulator_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint in the connection the variable decides, and an empty one is none."""
    assert CustomJobHook().emulator_host == "localhost:1"
    monkeypatch.setenv("VERTEX_AI_EMULATOR_HOST", "")
    assert CustomJobHook().emulator_host is None
