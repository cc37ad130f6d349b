"""The wheel where nothing else is installed, and the source tree is out of sight."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_mljobs.provider_info import get_provider_info
from environments import NAME
from processes import Servers, wait_until

HERE = Path(__file__).parent

VERTEX_AI = {
    "pipeline_job": ("PipelineJob", ["Run", "Get", "List", "Cancel", "Delete"]),
    "custom_job": ("CustomJob", ["Run", "Get", "List", "Cancel", "Delete"]),
    "notebook_execution_job": ("NotebookExecutionJob", ["Run", "Get", "List", "Delete"]),
}
NOUNS = {
    "vertex_ai": [noun for noun, _ in VERTEX_AI.values()],
    "mlengine": ["MLEngineJob"],
    "kfp": ["KFPRun"],
}
KFP_VERBS = ["Get", "List", "Terminate", "Retry", "Archive", "Unarchive", "Delete"]

PUBLIC = [
    *(f"hooks.vertex_ai.{module}:{noun}Hook" for module, (noun, _) in VERTEX_AI.items()),
    "hooks.mlengine:MLEngineJobHook",
    "hooks.kfp:KFPRunHook",
    *(
        f"operators.vertex_ai.{module}:{verb}{noun}Operator"
        for module, (noun, verbs) in VERTEX_AI.items()
        for verb in verbs
    ),
    *(f"operators.mlengine:{verb}MLEngineJobOperator" for verb in ("Run", "Get", "List", "Cancel")),
    "operators.kfp:RunKFPPipelineOperator",
    *(f"operators.kfp:{verb}KFPRunOperator" for verb in KFP_VERBS),
    *(
        f"{layer}s.{module}:{noun}{layer.title()}"
        for layer in ("trigger", "sensor")
        for module, nouns in NOUNS.items()
        for noun in nouns
    ),
]
"""The names that do not change; each ends a user's import."""


Say = Callable[..., Any]


@pytest.fixture
def say(python: Path, tmp_path: Path) -> Say:
    """Run the environment's interpreter, and read the JSON that it prints last."""

    def run(*words: str, **variables: str) -> Any:
        done = subprocess.run(
            # Isolated: neither the folder nor a variable adds anything to what is installed.
            [str(python), "-I", *words],
            check=False,
            capture_output=True,
            text=True,
            env=bare(tmp_path) | variables,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def bare(home: Path) -> dict[str, str]:
    """Return this process's variables without those that are about another Airflow."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
    return others | {"AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}


def test_it_is_alone(say: Say) -> None:
    """The package is the installed one, and no tool of the development stands in for a dependency."""
    code = """
import airflow_mljobs, importlib.util, json, sysconfig
found = {tool: bool(importlib.util.find_spec(tool)) for tool in ("pytest", "mypy", "nbclient")}
print(json.dumps([airflow_mljobs.__file__, sysconfig.get_path("purelib"), found]))
"""
    file, packages, tools = say("-c", code)
    assert Path(file).is_relative_to(packages)
    assert not any(tools.values()), tools


def test_every_public_name_is_a_class(say: Say) -> None:
    """What users import is there, with nothing installed but the dependencies."""
    code = (
        "import json, pkgutil, sys; print(json.dumps([str(pkgutil.resolve_name(n)) for n in sys.argv[1:]]))"
    )
    found = say("-c", code, *(f"airflow_mljobs.{name}" for name in PUBLIC))
    assert found == [f"<class 'airflow_mljobs.{name.replace(':', '.')}'>" for name in PUBLIC]


def test_airflow_lists_it(say: Say, wheel: Path) -> None:
    """Airflow has found the provider, and the same version of it; it takes only valid metadata."""
    listed = say("-m", "airflow", "providers", "list", "--output", "json")
    assert [each["version"] for each in listed if each["package_name"] == NAME] == [wheel.name.split("-")[1]]


def test_airflow_tells_of_it(say: Say) -> None:
    """Airflow shows all that the provider says of itself."""
    (told,) = say("-m", "airflow", "providers", "get", NAME, "--full", "--output", "json")
    info = get_provider_info()
    # Of these the command line shows a form of its own.
    as_written = info.keys() - {"description", "connection-types"}
    assert told.keys() >= info.keys()
    assert {key: told[key] for key in as_written} == {key: info[key] for key in as_written}


def test_a_job_runs(say: Say, python: Path, tmp_path: Path) -> None:
    """The emulator serves out of the wheel, and the Run operator brings a job to its end there."""
    ready, servers = tmp_path / "ready.json", Servers()
    argv = [str(python), "-I", "-m", "airflow_mljobs.emulator", "--data", str(tmp_path / "data")]
    argv += ["--grpc-port", "0", "--http-port", "0", "--seconds", "0.2", "--ready-file", str(ready)]
    try:
        emulator = servers.start("The emulator", argv, env=bare(tmp_path), log=tmp_path / "emulator.log")

        def address() -> str:
            emulator.check()
            return json.loads(ready.read_text())["grpc"] if ready.exists() else ""

        job = say(
            str(HERE / "run_job.py"),
            VERTEX_AI_EMULATOR_HOST=wait_until(address, within=60, what="The emulator's start"),
            AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT=json.dumps(
                {"conn_type": "google_cloud_platform", "extra": {"project": "wheel"}}
            ),
        )
    finally:
        servers.stop()
    assert job["status"] == "succeeded"
    assert job["name"].startswith("projects/wheel/locations/europe-west4/customJobs/")
