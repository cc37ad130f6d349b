"""What every operator and sensor promises, whatever its service; they are found by walking the package."""

from __future__ import annotations

import inspect
import json
import re
from itertools import pairwise
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, XComArg
from travel import read_dag
from unit_samples import public_classes, refused

from airflow_mljobs.operators.base import JobOperator, RunJobOperator
from airflow_mljobs.sensors.base import JobSensor

SENSORS = [kind for kind in public_classes("sensors", JobSensor) if hasattr(kind, "hook_class")]
OPERATORS = [kind for kind in public_classes("operators", JobOperator) if hasattr(kind, "hook_class")]
OPERATORS += SENSORS
RUN_OPERATORS = [kind for kind in OPERATORS if issubclass(kind, RunJobOperator)]
WAITING = [*RUN_OPERATORS, *SENSORS]
LIST_OPERATORS = [kind for kind in OPERATORS if "limit" in kind.template_fields or "List" in kind.__name__]

SAMPLES: dict[str, Any] = {
    "custom_job": {
        "display_name": "Train {{ ds }}",
        "job_spec": {"worker_pool_specs": [{"container_spec": {"image_uri": "i"}}]},
    },
    "notebook_execution_job": {"display_name": "Run {{ ds }}", "gcs_output_uri": "gs://b"},
    "job": {"labels": {"day": "{{ ds }}"}},
}
"""Values of required parameters that are more than a text."""

ONE_OF = {"RunKFPPipelineOperator": "pipeline_file"}
"""Parameters that stand for several, one of which is required."""

NOT_TEMPLATED: set[str] = set()
"""Text and mappings that are switches and documented as such."""

SAYS_TEXT = re.compile(r"\b(str|dict|list|Sequence|Mapping|CustomJob|NotebookExecutionJob)\b")


def own_classes(kind: type[Any]) -> list[type[Any]]:
    """Return an operator and the classes of ours that it stands on."""
    return [each for each in kind.__mro__ if each.__module__.startswith("airflow_mljobs.")]


def parameters(kind: type[Any]) -> dict[str, inspect.Parameter]:
    """Return all constructor parameters that are ours, from the whole family."""
    declared: dict[str, inspect.Parameter] = {}
    for each in own_classes(kind):
        if "__init__" in vars(each):
            found = inspect.signature(inspect.unwrap(vars(each)["__init__"])).parameters
            declared = {name: p for name, p in found.items() if name not in {"self", "kwargs"}} | declared
    return declared


def required(kind: type[Any]) -> dict[str, Any]:
    """Return the least that an operator can be made of."""
    return {
        name: SAMPLES.get(name, f"{{{{ params.{name} }}}}")
        for name, parameter in parameters(kind).items()
        if parameter.default is inspect.Parameter.empty or ONE_OF.get(kind.__name__) == name
    }


def make(kind: type[Any], **fields: Any) -> Any:
    """Make an operator of the least, and the named fields."""
    return kind(**{"task_id": "t"} | required(kind) | fields)


def pace_of(kind: type[Any]) -> str:
    """Return the parameter that says how often a job is looked at."""
    return "poke_interval" if kind in SENSORS else "poll_interval"


def test_the_published_operators_exist() -> None:
    """The walk below meets the published operators."""
    verbs = ("Run", "Get", "List", "Cancel", "Delete")
    published = {f"{verb}{noun}Operator" for verb in verbs for noun in ("PipelineJob", "CustomJob")}
    published |= {f"{verb}MLEngineJobOperator" for verb in ("Run", "Get", "List", "Cancel", "Update")}
    published |= {f"{noun}Sensor" for noun in ("PipelineJob", "CustomJob", "NotebookExecutionJob")}
    published |= {"MLEngineJobSensor", "KFPRunSensor"}
    assert published <= {kind.__name__ for kind in OPERATORS}


@pytest.mark.parametrize("kind", OPERATORS)
def test_template_fields_are_attributes(kind: type[Any]) -> None:
    """Template fields are a tuple, named once each, and every one is an attribute after construction."""
    operator = make(kind)
    assert isinstance(kind.template_fields, tuple)
    assert len(kind.template_fields) == len(set(kind.template_fields))
    assert [field for field in kind.template_fields if not hasattr(operator, field)] == []
    assert set(kind.template_fields_renderers) <= set(kind.template_fields)


@pytest.mark.parametrize("kind", OPERATORS)
def test_what_a_user_writes_is_templated(kind: type[Any]) -> None:
    """Every text, mapping and list that an operator takes may hold a template."""
    text = {name for name, p in parameters(kind).items() if SAYS_TEXT.search(str(p.annotation))}
    assert set() == text - set(kind.template_fields) - NOT_TEMPLATED


@pytest.mark.parametrize("kind", OPERATORS)
def test_arguments_are_kept_as_given(kind: type[Any]) -> None:
    """A template is rendered after construction, and so nothing may be made of it before."""
    given = required(kind)
    operator = make(kind)
    assert given == {name: getattr(operator, name) for name in given}


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_template_reaches_into_what_was_given(kind: type[Any]) -> None:
    """Every required argument is rendered, to its depth."""
    operator = make(kind)
    params = dict.fromkeys(required(kind), "rendered")
    operator.render_template_fields({"params": params, "ds": "rendered"})
    rendered = json.dumps({name: getattr(operator, name) for name in required(kind)})
    assert ("{{" in rendered, "rendered" in rendered) == (False, bool(required(kind)))


@pytest.mark.parametrize("kind", sorted({c for kind in OPERATORS for c in own_classes(kind)}, key=str))
def test_every_parameter_is_documented(kind: type[Any]) -> None:
    """The class that declares a parameter says what it is for, and names no other."""
    init = vars(kind).get("__init__")
    names = list(inspect.signature(inspect.unwrap(init)).parameters) if init else []
    documented = re.findall(r"^\s*:param (\w+):", vars(kind)["__doc__"] or "", flags=re.MULTILINE)
    assert [name for name in names if name not in {"self", "kwargs"}] == documented


@pytest.mark.parametrize("kind", OPERATORS)
def test_arguments_are_given_by_name(kind: type[Any]) -> None:
    """No argument of an operator depends on its place."""
    assert {inspect.Parameter.KEYWORD_ONLY} == {p.kind for p in parameters(kind).values()}


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_misspelt_argument_is_refused(kind: type[Any]) -> None:
    """An argument that nobody knows is an error in the DAG."""
    with pytest.raises(TypeError, match="regoin"):
        make(kind, regoin="europe-west4")


@pytest.mark.parametrize("kind", OPERATORS)
def test_links_have_names_of_their_own(kind: type[Any]) -> None:
    """Two links of one task are never mistaken for each other."""
    links = list(make(kind).operator_extra_links)
    assert len(links) == len({link.name for link in links}) == len({link.xcom_key for link in links})


def test_all_links_have_names_of_their_own() -> None:
    """No two kinds of link in the package share a name or an XCom key."""
    links = {type(link): link for kind in OPERATORS for link in make(kind).operator_extra_links}
    keys = sorted(link.name for link in links.values())
    assert [one for one, next_one in pairwise(keys) if one == next_one] == []
    assert len(links) == len({link.xcom_key for link in links.values()})


@pytest.mark.parametrize("kind", WAITING)
def test_what_waits_can_be_mapped(kind: type[Any]) -> None:
    """Any argument may be given once for each of many jobs, or once for all."""
    given = required(kind)
    pace = pace_of(kind)
    for name, value in given.items():
        rest = {key: other for key, other in given.items() if key != name} | {pace: 5}
        with DAG("mapped", schedule=None) as dag:
            kind.partial(task_id="t", deferrable=True, **rest).expand(**{name: [value, value]})
        mapped = dag.get_task("t")
        made = mapped.unmap({name: value})
        assert (kind, value, 5) == (type(made), getattr(made, name), getattr(made, pace))


@pytest.mark.parametrize("kind", RUN_OPERATORS)
def test_each_key_of_a_result_is_an_xcom(kind: type[Any]) -> None:
    """A result is pushed key by key, so that another task can be given one of them, unless told otherwise."""
    assert make(kind).multiple_outputs
    assert not make(kind, multiple_outputs=False).multiple_outputs


@pytest.mark.parametrize("kind", WAITING)
def test_what_waits_can_be_mapped_over_an_upstream_result(kind: type[Any]) -> None:
    """The jobs to run may be what an earlier task found."""
    with DAG("mapped", schedule=None) as dag:
        first = BaseOperator(task_id="first")
        kind.partial(task_id="t").expand_kwargs(XComArg(first))
    assert {"first"} == dag.get_task("t").upstream_task_ids


@pytest.mark.parametrize("kind", OPERATORS)
def test_a_dag_with_the_operator_survives_serialization(kind: type[Any]) -> None:
    """The scheduler reads the task as the DAG file wrote it, mapped or not."""
    with DAG("plain", schedule=None) as dag:
        make(kind)
        if kind in WAITING:
            given = required(kind)
            name, value = next(iter(given.items()))
            rest = {key: other for key, other in given.items() if key != name}
            kind.partial(task_id="mapped", **rest).expand(**{name: [value]})
    read = read_dag(dag)
    links = sorted(link.name for link in make(kind).operator_extra_links)
    for task in read.tasks:
        assert (kind.__name__, kind.__module__) == (task.task_type, task._task_module)
        assert list(kind.template_fields) == list(task.template_fields)
        assert links == sorted(link.name for link in task.operator_extra_links)
    task = read.get_task("t")
    assert required(kind) == {name: getattr(task, name) for name in required(kind)}


@pytest.mark.parametrize("value", [0, -1, -0.5])
@pytest.mark.parametrize("kind", RUN_OPERATORS)
def test_a_poll_interval_is_positive(kind: type[Any], value: float) -> None:
    """An interval that would never let go is refused where the DAG is written."""
    with refused("poll_interval", value, "is greater than 0 seconds"):
        make(kind, poll_interval=value)


@pytest.mark.parametrize("kind", SENSORS)
def test_a_poke_interval_is_positive(kind: type[Any]) -> None:
    """A sensor that would never let go is refused where the DAG is written."""
    with refused("poke_interval", 0.0, "is greater than 0 seconds"):
        make(kind, poke_interval=0)


@pytest.mark.parametrize("kind", SENSORS)
def test_a_sensor_names_its_job_as_the_get_operator_does(kind: type[Any]) -> None:
    """Who knows how to get a job knows how to wait for it."""
    (get,) = (
        each for each in OPERATORS if each.__name__ == f"Get{kind.__name__.removesuffix('Sensor')}Operator"
    )
    assert kind.job_field == get.job_field
    assert set(required(kind)) == set(required(get))
    assert set(kind.template_fields) <= set(get.template_fields)
    assert list(kind.operator_extra_links) == list(get.operator_extra_links)


@pytest.mark.parametrize("kind", WAITING)
def test_a_tolerance_is_not_negative(kind: type[Any]) -> None:
    """No tolerance at all is fine, less than none is refused."""
    assert make(kind, poll_failure_tolerance=0).poll_failure_tolerance == 0
    with refused("poll_failure_tolerance", -1, "is at least 0 seconds"):
        make(kind, poll_failure_tolerance=-1)


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("kind", LIST_OPERATORS)
def test_a_limit_is_positive(kind: type[Any], value: int) -> None:
    """A list of nothing is refused where the DAG is written."""
    with refused("limit", value, "is greater than 0"):
        make(kind, limit=value)


@pytest.mark.parametrize("kind", OPERATORS)
def test_an_operator_and_its_trigger_name_one_hook(kind: type[Any]) -> None:
    """Worker and triggerer speak to the service through the same hook."""
    trigger = getattr(kind, "trigger_class", None)
    assert trigger is None or kind.hook_class == trigger.hook_class
    whose = {"kfp_conn_id", "namespace"} if "KFP" in kind.__name__ else {"gcp_conn_id", "impersonation_chain"}
    assert whose <= set(make(kind).hook_params)
