"""Lists of runs: pages, order and filters, as the server has them in both generations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from emulator_samples import pipeline_spec
from kfp_client import V1, V2, KfpClient, connected

from airflow_mljobs.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("a1", "b 2", "b+3", "c%4")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run one emulator for all tests here, none of which changes what another sees."""
    with Emulator(data=tmp_path_factory.mktemp("emulator"), seconds=100) as running:
        yield running


@pytest.fixture(scope="module")
def kfp(emulator: Emulator) -> Iterator[KfpClient]:
    """Open the official client, and create four runs: SUCCEEDED, FAILED, archived and still PENDING."""
    with connected(emulator) as client:
        outcomes = ("", "emulator-outcome=failed", "", "emulator-seconds=10000")
        for name, outcome in zip(NAMES, outcomes, strict=True):
            client.create(name, run_id=f"id-{name[0]}{name[-1]}", description=outcome)
            emulator.clock.advance(60)
        emulator.clock.advance(100)
        client.runs.run_service_archive_run("id-b3")
        metric = {"name": "Score", "node_id": "train", "number_value": 0.0}
        for run_id, value in (("id-a1", 0.5), ("id-c4", 0.1)):
            client.post(f"{V1}/runs/{run_id}:reportMetrics", {"metrics": [metric | {"number_value": value}]})
        yield client


@pytest.fixture(autouse=True)
def newest_release(emulator: Emulator) -> None:
    """Begin with the newest release."""
    emulator.kfp.change({"release": "2.17"})


def _names(kfp: KfpClient, *predicates: dict[str, Any], api: str = V2, **query: Any) -> list[str]:
    if predicates:
        query["filter"] = quote(json.dumps({"predicates": list(predicates)}))
    runs = kfp.get(f"{api}/runs", **query).get("runs", [])
    return [run["name" if api == V1 else "display_name"] for run in runs]


@pytest.mark.parametrize("api", [V1, V2])
def test_pages(kfp: KfpClient, api: str) -> None:
    """Pages follow each other by token to the end, the oldest first, each telling the size of the whole."""
    seen, token = [], ""
    while True:
        page = kfp.get(f"{api}/runs", page_size=3, page_token=token)
        assert page["total_size"] == 4
        seen += [run["name" if api == V1 else "display_name"] for run in page["runs"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert seen == list(NAMES)


def test_token_holds_the_question(kfp: KfpClient) -> None:
    """A token brings its filter and order along; repeating them is fine, contradicting them is not."""
    has_a_number = {"predicates": [{"key": "name", "operation": "IS_SUBSTRING", "string_value": "b"}]}
    question = {"filter": quote(json.dumps(has_a_number)), "sort_by": "name desc", "page_size": 1}
    first = kfp.get(f"{V2}/runs", **question)
    token = first["next_page_token"]
    assert (first["runs"][0]["display_name"], first["total_size"]) == ("b+3", 2)
    assert _names(kfp, page_token=token) == _names(kfp, page_token=token, **question) == ["b 2"]
    for other in ({"sort_by": "name asc"}, {"filter": quote('{"predicates": []}')}):
        assert kfp.ask("GET", f"{V2}/runs", page_token=token, **other).status == 400
    assert kfp.ask("GET", f"{V2}/runs", page_token="no token").status == 400


def test_page_size(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A page has 20 runs unless asked otherwise and never more than 200; fewer than none is refused."""
    with Emulator(data=tmp_path_factory.mktemp("many")) as many, connected(many) as kfp:
        body = {"display_name": "r", "pipeline_spec": pipeline_spec("only")}
        for _ in range(201):
            kfp.post(f"{V2}/runs", body)
        assert [len(_names(kfp, page_size=size)) for size in (0, 5, 200, 1000)] == [20, 5, 200, 200]
        refused = kfp.ask("GET", f"{V2}/runs", page_size=-1)
        assert (refused.status, refused.body["code"]) == (400, 3)
        assert kfp.ask("GET", f"{V2}/runs", page_size="many").status == 400


def test_inline_specs(kfp: KfpClient) -> None:
    """A list of v2beta1 holds the same whole runs as single requests do."""
    for run in kfp.get(f"{V2}/runs")["runs"]:
        assert run == kfp.get(f"{V2}/runs/{run['run_id']}")


@pytest.mark.parametrize(
    ("sort_by", "names"),
    [
        ("created_at desc", ["c%4", "b+3", "b 2", "a1"]),
        ("name", ["a1", "b 2", "b+3", "c%4"]),
        ("Display_Name DESC", ["c%4", "b+3", "b 2", "a1"]),
        ("state", ["b 2", "c%4", "a1", "b+3"]),
        ("finished_at", ["c%4", "a1", "b 2", "b+3"]),
        ("storage_state desc", ["c%4", "b 2", "a1", "b+3"]),
        ("metric:score desc", ["a1", "c%4", "b+3", "b 2"]),
        ("metric:Score", ["b 2", "b+3", "c%4", "a1"]),
    ],
)
@pytest.mark.parametrize("page_size", [0, 1])
def test_order(kfp: KfpClient, sort_by: str, names: list[str], page_size: int) -> None:
    """A list is sorted by any key or metric, the text of which is read in lower case, over all pages."""
    page = kfp.get(f"{V2}/runs", sort_by=sort_by, page_size=page_size)
    found = [run["display_name"] for run in page["runs"]]
    while page.get("next_page_token"):
        page = kfp.get(f"{V2}/runs", page_token=page["next_page_token"], page_size=1)
        found += [run["display_name"] for run in page["runs"]]
    assert found == names


@pytest.mark.parametrize("sort_by", ["pipeline_id", "name upwards", "name,created_at", "metric:-"])
def test_senseless_order(kfp: KfpClient, sort_by: str) -> None:
    """What cannot be sorted by is refused."""
    assert kfp.ask("GET", f"{V2}/runs", sort_by=sort_by).status == 400


@pytest.mark.parametrize(
    ("key", "operation", "value", "names"),
    [
        ("run_id", "EQUALS", {"string_value": "id-a1"}, ["a1"]),
        ("id", "IN", {"string_values": {"values": ["id-a1", "id-c4", "id-no"]}}, ["a1", "c%4"]),
        ("id", "IN", {"string_values": {"values": []}}, []),
        ("display_name", "NOT_EQUALS", {"string_value": "a1"}, ["b 2", "b+3", "c%4"]),
        ("name", "IS_SUBSTRING", {"string_value": "b"}, ["b 2", "b+3"]),
        ("description", "EQUALS", {"string_value": ""}, ["a1", "b+3"]),
        ("state", "IN", {"string_values": {"values": ["FAILED", "PENDING"]}}, ["b 2", "c%4"]),
        ("status", "EQUALS", {"string_value": "Failed"}, ["b 2"]),
        ("storage_state", "EQUALS", {"string_value": "ARCHIVED"}, ["b+3"]),
        ("storage_state", "EQUALS", {"string_value": "STORAGESTATE_ARCHIVED"}, ["b+3"]),
        ("created_at", "GREATER_THAN", {"timestamp_value": "2000-01-01T00:00:00Z"}, list(NAMES)),
        ("scheduled_at", "LESS_THAN_EQUALS", {"timestamp_value": "2000-01-01T00:00:00Z"}, []),
        ("finished_at", "EQUALS", {"long_value": "0"}, ["c%4"]),
        ("finished_at", "GREATER_THAN_EQUALS", {"int_value": 1}, ["a1", "b 2", "b+3"]),
        ("finished_at", "LESS_THAN", {"timestamp_value": "1970-01-01T00:00:01Z"}, ["c%4"]),
        ("namespace", "EQUALS", {"string_value": ""}, list(NAMES)),
        ("experiment_id", "EQUALS", {"string_value": "nowhere"}, []),
        ("recurring_run_id", "EQUALS", {"string_value": ""}, list(NAMES)),
    ],
)
@pytest.mark.parametrize("api", [V1, V2])
def test_filter(
    kfp: KfpClient, api: str, key: str, operation: str, value: dict[str, Any], names: list[str]
) -> None:
    """Every key and operation works in both generations, which name the operation differently."""
    word = "op" if api == V1 else "operation"
    assert _names(kfp, {"key": key, word: operation, **value}, api=api) == names


def test_predicates_must_all_hold(kfp: KfpClient) -> None:
    """Predicates are joined by and."""
    of_b = {"key": "name", "operation": "IS_SUBSTRING", "string_value": "b"}
    assert _names(kfp, of_b, {"key": "state", "operation": "EQUALS", "string_value": "FAILED"}) == ["b 2"]


def test_filter_of_the_sdk(kfp: KfpClient) -> None:
    """Operations may be numbers and fields in camel case, as the KFP SDK writes them."""
    assert _names(kfp, {"key": "display_name", "operation": 1, "stringValue": "a1"}) == ["a1"]


def test_filter_is_decoded_twice(kfp: KfpClient) -> None:
    """A filter that was encoded once only loses its plus signs, and a stray percent sign spoils it."""
    named = '{"predicates":[{"key":"name","operation":"EQUALS","string_value":"%s"}]}'
    assert _names(kfp, filter=named % "b+2") == ["b 2"], "a plus sign has become a space"
    assert _names(kfp, filter=named % "b+3") == []
    assert _names(kfp, filter=quote(named % "b+3")) == ["b+3"]
    assert kfp.ask("GET", f"{V2}/runs", filter=named % "c%4").status == 400
    assert _names(kfp, filter=quote(named % "c%4")) == ["c%4"]


@pytest.mark.parametrize(
    "predicate",
    [
        {"key": "pipeline_id", "operation": "EQUALS", "string_value": "x"},
        {"key": "name", "operation": "LIKE", "string_value": "x"},
        {"key": "name", "operation": 99, "string_value": "x"},
        {"key": "name", "op": "EQUALS", "string_value": "x"},
        {"key": "name", "operation": "EQUALS"},
        {"key": "name", "operation": "EQUALS", "string_value": "x", "int_value": 1},
        {"key": "name", "operation": "IN", "string_value": "x"},
        {"key": "name", "operation": "EQUALS", "string_values": {"values": ["x"]}},
        {"key": "name", "operation": "EQUALS", "int_value": 1},
        {"key": "created_at", "operation": "EQUALS", "string_value": "2000"},
        {"key": "created_at", "operation": "EQUALS", "timestamp_value": "yesterday"},
        {"key": "created_at", "operation": "EQUALS", "int_value": "many"},
    ],
)
def test_senseless_predicate(kfp: KfpClient, predicate: dict[str, Any]) -> None:
    """A key, operation or value that the server does not know is refused."""
    answer = kfp.ask("GET", f"{V2}/runs", filter=quote(json.dumps({"predicates": [predicate]})))
    assert (answer.status, answer.body["code"]) == (400, 3)


@pytest.mark.parametrize("text", ["{", "[]", '{"where": []}', "%"])
def test_senseless_filter(kfp: KfpClient, text: str) -> None:
    """What is no filter is refused."""
    assert kfp.ask("GET", f"{V2}/runs", filter=text).status == 400


@pytest.mark.parametrize("key", ["finished_at", "state", "run_id", "display_name", "experiment_id"])
def test_keys_of_the_old_server(emulator: Emulator, kfp: KfpClient, key: str) -> None:
    """A server of 1.8 knows the older keys only."""
    emulator.kfp.change({"release": "1.8"})
    predicate = {"key": key, "op": "EQUALS", "string_value": "x"}
    answer = kfp.ask("GET", f"{V1}/runs", filter=quote(json.dumps({"predicates": [predicate]})))
    assert (answer.status, key in answer.body["error"]) == (400, True)
    assert _names(kfp, {"key": "id", "op": "EQUALS", "string_value": "id-a1"}, api=V1) == ["a1"]


def test_runs_of_an_experiment(emulator: Emulator, kfp: KfpClient) -> None:
    """A list can be confined to an experiment, in the words of either generation."""
    experiment_id = kfp.get(f"{V2}/runs/id-a1")["experiment_id"]
    assert _names(kfp, experiment_id=experiment_id) == list(NAMES)
    assert _names(kfp, experiment_id="nowhere") == []
    reference = {"resource_reference_key.type": "EXPERIMENT", "resource_reference_key.id": experiment_id}
    assert _names(kfp, api=V1, **reference) == list(NAMES)
    emulator.kfp.change({"release": "1.8"})
    reference["resource_reference_key.type"] = "NAMESPACE"
    assert kfp.ask("GET", f"{V1}/runs", **reference).status == 400
