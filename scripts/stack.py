"""A real Airflow and a real emulator, on free ports of this machine, that end with their handle.

The demo and the end-to-end tests run on it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import psutil
import requests

T = TypeVar("T")

STOP_WITHIN = 5.0
"""Seconds that the servers and what they started get to end by themselves; nothing of it is kept."""

MARK = "MLJOBS_STACK"
"""The variable that every process of a stack inherits, however far from its server it has strayed."""


_interrupted = threading.Event()


def heed_interrupts() -> None:
    """Make a SIGTERM the same as a Ctrl-C, and both impossible to miss, so that everything is ended."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _interrupted.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


class StackError(RuntimeError):
    """Something did not come up, or did not come about in time; says where to read why."""


def wait_until(look: Callable[[], T | None], *, within: float, what: str, every: float = 0.25) -> T:
    """Return the first answer that is not empty.

    :raises StackError: when there is none in time.
    """
    until = time.monotonic() + within
    while True:
        answer = look()
        # One that was raised in a callback of the interpreter's, a finaliser perhaps, was printed and lost.
        if _interrupted.is_set():
            raise KeyboardInterrupt
        if answer:
            return answer
        if time.monotonic() > until:
            raise StackError(f"{what} did not happen within {within:.0f} s")
        time.sleep(every)


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Service:
    """One server process with everything that it starts."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, argv: list[str], *, env: Mapping[str, str], log: Path) -> Service:
        """Start it in a process group of its own, so that a Ctrl-C is ours to pass on."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A parent that ignores SIGINT, as a shell's background job does, hands that down.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        return cls(name=name, process=process, log=log)

    def check(self) -> None:
        """Raise when the process has ended."""
        if (status := self.process.poll()) is not None:
            words = self.log.read_text(errors="replace")[-2000:]
            raise StackError(f"{self.name} ended with status {status}; its last words:\n{words}")

    def ask_to_stop(self) -> None:
        """Ask it to end, as a Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)


@dataclass(kw_only=True)
class Stack:
    """The addresses of a running Airflow and emulator, and what is asked of them.

    :param home: where both keep their state and logs.
    :param dags: the folder of the DAGs.
    :param engine: the emulator's engine.
    :param seconds: how long a simulated job takes.
    """

    home: Path
    dags: Path
    engine: str = "local"
    seconds: float = 2.0
    emulator: dict[str, str] = field(default_factory=dict)
    url: str = ""
    password: str = ""
    services: list[Service] = field(default_factory=list)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _session: requests.Session = field(default_factory=requests.Session)

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Start both, and end both whatever happens."""
        # What runs on this machine is not behind its proxy.
        for variable in ("NO_PROXY", "no_proxy"):
            os.environ[variable] = ",".join(filter(None, (os.environ.get(variable), "localhost,127.0.0.1")))
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        with ExitStack() as stack:
            stack.callback(self._session.close)
            stack.callback(self._stop)
            # Both at once: each spends its first seconds on imports.
            emulator_is_up = self._start_emulator()
            airflow_is_up = self._start_airflow()
            wait_until(emulator_is_up, within=60, what="The emulator's start")
            wait_until(airflow_is_up, within=120, what="Airflow's start")
            self._log_in()
            yield self

    def _stop(self) -> None:
        # A second Ctrl-C must not leave half of it running.
        heard = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        for service in self.services:
            service.ask_to_stop()
        psutil.wait_procs(self.processes(), timeout=STOP_WITHIN)
        # What is killed may have been starting another that moment.
        while left := self.processes():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)
        for service in self.services:
            service.process.wait()
        for number, handler in heard.items():
            signal.signal(number, handler)

    def processes(self) -> set[psutil.Process]:
        """Return every process that the servers started, directly or not, and that has not ended."""
        found = set()
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get(MARK) == self._mark:
                # The emulator's jobs inherit nothing, as on the real service, but have a parent.
                with suppress(psutil.NoSuchProcess):
                    found |= {process, *process.children(recursive=True)}
        return found

    def _start_emulator(self) -> Callable[[], bool]:
        grpc_port, http_port = free_port(), free_port()
        self.emulator = {"grpc": f"localhost:{grpc_port}", "http": f"http://localhost:{http_port}"}
        ready = self.home / "emulator.json"
        argv = [sys.executable, "-m", "airflow_mljobs.emulator", "--engine", self.engine]
        argv += ["--grpc-port", str(grpc_port), "--http-port", str(http_port)]
        argv += ["--seconds", str(self.seconds)]
        argv += ["--data", str(self.home / "emulator"), "--ready-file", str(ready)]
        if kfp_python := os.environ.get("MLJOBS_KFP_PYTHON"):
            argv += ["--kfp-python", kfp_python]
        env = os.environ | {MARK: self._mark}
        service = Service.start("The emulator", argv, env=env, log=self.home / "emulator.log")
        self.services.append(service)

        def is_up() -> bool:
            service.check()
            return ready.exists()

        return is_up

    def _start_airflow(self) -> Callable[[], bool]:
        port = free_port()
        self.url = f"http://localhost:{port}"
        # Settings of another Airflow on this machine are not ours.
        env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        env |= self._airflow_settings(port)
        argv = [str(Path(sys.executable).with_name("airflow")), "standalone"]
        service = Service.start("Airflow", argv, env=env, log=self.home / "airflow.log")
        self.services.append(service)

        def is_up() -> bool:
            service.check()
            try:
                health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
            except (requests.RequestException, ValueError):
                return False
            parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
            return all(health.get(part, {}).get("status") == "healthy" for part in parts)

        return is_up

    def _airflow_settings(self, port: int) -> dict[str, str]:
        connection = {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "laptop", "is_anonymous": True, "console_url": self.emulator["http"]},
        }
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            MARK: self._mark,
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
            "VERTEX_AI_EMULATOR_HOST": self.emulator["grpc"],
            "ML_ENGINE_EMULATOR_HOST": self.emulator["http"],
            "STORAGE_EMULATOR_HOST": self.emulator["http"],
            "AIRFLOW_CONN_KFP_DEFAULT": json.dumps({"conn_type": "kfp", "host": self.emulator["http"]}),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "6",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # A worker's end is noticed at its next heartbeat. A trigger that fires before makes Airflow fail
            # the try, and jobs on this machine take less than the five seconds of the default.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    def _log_in(self) -> None:
        passwords = self.home / "airflow" / "simple_auth_manager_passwords.json.generated"
        self.password = json.loads(passwords.read_text())["admin"]
        body = {"username": "admin", "password": self.password}
        answer = self._session.post(f"{self.url}/auth/token", json=body, timeout=30)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that the emulator holds, newest first."""
        answer = requests.get(f"{self.emulator['http']}/_emulator/jobs", timeout=30)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def job(self, name: str) -> dict[str, Any]:
        """Return the emulator's own word on a job, or nothing when it has none."""
        return next((job for job in self.jobs() if job["name"] == name), {})

    def api(self, method: str, path: str, **kwargs: Any) -> Any:
        """Send a request to Airflow's REST API and return its JSON."""
        answer = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=30, **kwargs)
        if not answer.ok:
            raise StackError(f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of a DAG, as soon as Airflow has parsed it, and return the run's id."""

        def known() -> bool:
            for service in self.services:
                service.check()
            if errors := self.api("GET", "importErrors")["import_errors"]:
                raise StackError(f"A DAG file cannot be parsed:\n{errors[0]['stack_trace']}")
            return any(dag["dag_id"] == dag_id for dag in self.api("GET", "dags")["dags"])

        wait_until(known, within=90, what=f"The parsing of DAG {dag_id}")
        self.api("PATCH", f"dags/{dag_id}", json={"is_paused": False})
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a DAG run."""
        return str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by their task's id; mapped ones by id and index."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        answer = self._session.get(f"{self.url}/api/v2/{path}", timeout=30)
        if answer.status_code == 404:  # a run that another DAG is to start, and has not yet
            return {}
        answer.raise_for_status()
        found = answer.json()["task_instances"]
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task
            for task in found
        }

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return an XCom of a task, or nothing when there is none."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._session.get(f"{self.url}/api/v2/{path}?deserialize=true", timeout=30)
        return answer.json()["value"] if answer.ok else None

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """Return the log of one try of a task as text."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path)["content"]
        return "\n".join(line["event"] if isinstance(line, dict) else str(line) for line in content)
