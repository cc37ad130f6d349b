"""A user's own Airflow on the emulator, started by the quick start's commands on ports of ours."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from airflow_client import AirflowClient, is_healthy
from pages import ROOT, blocks
from processes import Servers, free_port, wait_until

PAGE = ROOT / "docs" / "quickstart.md"
EXAMPLES = ROOT / "example_dags"


def commands(word: str) -> str:
    """Return the page's one console block that has a word."""
    (code,) = (block.code for block in blocks(PAGE) if block.language == "console" and word in block.code)
    return code


@pytest.fixture
def ports() -> dict[str, str]:
    """Free ports in the place of those that the page takes for the emulator."""
    return {port: str(free_port()) for port in ("8470", "8471")}


@pytest.fixture
def airflow(tmp_path: Path, ports: dict[str, str]) -> Iterator[AirflowClient]:
    """What ``airflow standalone`` starts, with a copy of an example in its DAGs folder."""
    home, dags = tmp_path / "airflow", tmp_path / "airflow" / "dags"
    shutil.copytree(EXAMPLES / "training", dags / "training")
    example = (EXAMPLES / "vertex_ai_custom_job.py").read_text()
    (dags / "my_first.py").write_text(example.replace('"vertex_ai_custom_job"', '"my_first"'))
    url = f"http://localhost:{(port := free_port())}"
    env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        # A machine with other Airflows on it, and a folder of DAGs without Airflow's own examples.
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "NO_PROXY": "localhost,127.0.0.1",
    }
    emulator = commands("airflow_mljobs.emulator").strip() + " --grpc-port 8470 --http-port 8471"
    shells = {
        "emulator": emulator.replace("/tmp/jobs", shlex.quote(str(tmp_path / "jobs"))),
        "airflow": commands("airflow standalone"),
    }
    servers = Servers()
    try:
        for name, code in shells.items():
            code = re.sub(r"\b847[01]\b", lambda match: ports[match[0]], code)
            servers.start(name, ["bash", "-euc", code], env=env, log=tmp_path / f"{name}.log")

        def is_up() -> bool:
            servers.check()
            return is_healthy(url)

        wait_until(is_up, within=120, what="Airflow's start")
        passwords = home / "simple_auth_manager_passwords.json.generated"
        password = json.loads(passwords.read_text())["admin"]
        client = AirflowClient(url=url, password=password)
        yield client
        client.close()
    finally:
        servers.stop()


@pytest.mark.timeout(400)  # more than the waits of its steps, each of which says what it waited for
def test_a_first_dag_in_an_airflow_of_ones_own(airflow: AirflowClient, ports: dict[str, str]) -> None:
    """A copy of an example, with an id of its own, trains on the emulator, which shows the job's page."""
    run = "my_first", airflow.trigger("my_first")

    wait_until(lambda: airflow.run_state(*run) in {"success", "failed"}, within=120, what="The run's end")

    job, report = (airflow.xcom(*run, task_id) for task_id in ("run", "report"))
    assert airflow.run_state(*run) == "success"
    # By Airflow's own settings, too, its one try is not taken for lost.
    assert airflow.tasks(*run)["run"]["try_number"] == 1
    assert job["state"] == report["state"] == "JOB_STATE_SUCCEEDED"
    assert 0.5 < report["accuracy"] <= 1
    assert job["url"].startswith(f"http://localhost:{ports['8471']}/")
    assert requests.get(job["url"], timeout=10).ok
