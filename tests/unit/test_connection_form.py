"""The form in which a connection to Kubeflow Pipelines is written."""

from __future__ import annotations

import wtforms

from airflow_mljobs import connection_form
from airflow_mljobs.hooks.kfp import KFPRunHook

FIELDS = connection_form.fields()
KINDS = {"string": wtforms.StringField, "integer": wtforms.IntegerField, "boolean": wtforms.BooleanField}


def test_the_widgets_say_what_the_metadata_says() -> None:
    """Airflow 3.1 shows the same fields in the same order, with their labels, texts, defaults and choices."""
    form = type("ConnectionForm", (wtforms.Form,), KFPRunHook.get_connection_form_widgets())()
    assert [field.name for field in form] == list(FIELDS)
    for field in form:
        said = FIELDS[field.name]
        rules = said["schema"]
        assert (field.label.text, field.description) == (said["label"], said["description"])
        assert field.default == rules.get("default")
        assert [choice.values for choice in field.validators] == ([rules["enum"]] if "enum" in rules else [])
        assert isinstance(field, KINDS[rules["type"][0]])
        assert isinstance(field, wtforms.PasswordField) == (rules.get("format") == "password")


def test_the_class_in_the_metadata_has_the_methods_itself() -> None:
    """Airflow 3.1 passes over what a hook inherits."""
    assert {"get_connection_form_widgets", "get_ui_field_behaviour"} <= set(vars(KFPRunHook))


def test_airflows_own_fields() -> None:
    """Of Airflow's own fields those are shown that are read, and named after what they are here."""
    behaviour = KFPRunHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert not set(behaviour["hidden_fields"]) & set(behaviour["relabeling"])
    assert set(behaviour["placeholders"]) == set(behaviour["relabeling"]) == {"host", "password"}


def test_every_choice_has_a_label() -> None:
    """Whoever chooses how to authenticate reads words, and not values."""
    rules = FIELDS["auth"]["schema"]
    assert list(rules["values_display"]) == rules["enum"]


def test_each_section_stands_together() -> None:
    """The form shows its sections one after the other, in which all of a section's fields are neighbours."""
    sections = [field["schema"]["section"] for field in FIELDS.values()]
    assert sections == sorted(sections, key=sections.index)


def test_whoever_changes_the_form_changes_a_copy() -> None:
    """Airflow and others may change what they are given."""
    connection_form.fields()["auth"]["schema"]["enum"].clear()
    connection_form.behaviour()["hidden-fields"].clear()
    assert connection_form.fields() == FIELDS
    assert connection_form.behaviour()["hidden-fields"]
