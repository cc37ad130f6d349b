"""A real Airflow and a real emulator, on free ports of this machine, that end with their handle.

The demo, the end-to-end tests and the chaos trials run on it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from airflow_client import AirflowClient, is_healthy
from emulator_server import EmulatorServer
from postgresql import postgresql
from processes import Server, Servers, free_port, wait_until

TRIGGERER_IS_SOON_MISSED = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
"""Settings by which the triggers of one that is gone move to another sooner than by default."""


@dataclass(kw_only=True)
class Stack:
    """A running Airflow with an emulator beside it.

    :param home: where both keep their state and logs.
    :param dags: the folder of the DAGs.
    :param engine: the emulator's engine.
    :param seconds: how long a simulated job takes.
    :param settings: Airflow's, as environment variables, that go before the stack's own.
    :param programs: PostgreSQL's, for Airflow's database; none: SQLite.
    """

    home: Path
    dags: Path
    engine: str = "local"
    seconds: float = 2.0
    settings: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None
    url: str = field(default_factory=lambda: f"http://localhost:{free_port()}")
    servers: Servers = field(default_factory=Servers)
    _secret: str = field(default_factory=lambda: secrets.token_hex(32))
    _worker_logs: int = field(default_factory=free_port)
    _trigger_logs: int = field(default_factory=free_port)
    emulator: EmulatorServer = field(init=False)
    airflow: AirflowClient = field(init=False)

    def __post_init__(self) -> None:
        self.emulator = EmulatorServer(
            servers=self.servers, home=self.home, engine=self.engine, seconds=self.seconds
        )

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Start both, and end both whatever happens."""
        # What runs on this machine is not behind its proxy.
        for variable in ("NO_PROXY", "no_proxy"):
            os.environ[variable] = ",".join(filter(None, (os.environ.get(variable), "localhost,127.0.0.1")))
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        with ExitStack() as stack:
            stack.callback(self.servers.stop)
            if self.programs:
                database = postgresql(self.programs, self.servers, log=self.home / "postgresql.log")
                address = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": stack.enter_context(database)}
                self.settings = {**self.settings, **address}
                # All of them, before the database's folder goes.
                stack.callback(self.servers.stop)
            # Both at once: each spends its first seconds on imports.
            emulator_is_up = self.emulator.start()
            airflow_is_up = self._start_airflow()
            wait_until(emulator_is_up, within=60, what="The emulator's start")
            wait_until(airflow_is_up, within=120, what="Airflow's start")
            passwords = self.home / "airflow" / "simple_auth_manager_passwords.json.generated"
            self.airflow = AirflowClient(url=self.url, password=json.loads(passwords.read_text())["admin"])
            stack.callback(self.airflow.close)
            yield self

    def start_part(self, *words: str) -> Server:
        """Start one of Airflow's servers, also beside one of its kind that runs.

        :param words: of its command, such as ``triggerer``.
        """
        argv = [str(Path(sys.executable).with_name("airflow")), *words]
        # Settings of another Airflow on this machine are not ours.
        env = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        env |= self._own_settings() | dict(self.settings)
        if words[0] == "triggerer" and self.servers.named("triggerer"):
            # Each serves its logs at a port that it must have to itself. The API server asks at the first
            # one's only; the second one's logs it reads from the disk that they share.
            env["AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT"] = str(free_port())
        return self.servers.start(words[0], argv, env=env, log=self.home / f"{words[0]}.log")

    def _start_airflow(self) -> Callable[[], bool]:
        migration = self.start_part("db", "migrate")
        wait_until(lambda: migration.process.poll() is not None, within=120, what="The making of a database")
        self.servers.running.remove(migration)
        if migration.process.returncode != 0:
            migration.check()
        servers = [
            self.start_part(part) for part in ("api-server", "scheduler", "dag-processor", "triggerer")
        ]

        def is_up() -> bool:
            for server in servers:
                server.check()
            return is_healthy(self.url)

        return is_up

    def _own_settings(self) -> dict[str, str]:
        connection = {
            "conn_type": "google_cloud_platform",
            "extra": {"project": "laptop", "is_anonymous": True, "console_url": self.emulator.url},
        }
        kfp = {"conn_type": "kfp", "host": self.emulator.url}
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW__API_AUTH__JWT_SECRET": self._secret,
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(connection),
            "VERTEX_AI_EMULATOR_HOST": self.emulator.grpc,
            "ML_ENGINE_EMULATOR_HOST": self.emulator.url,
            "STORAGE_EMULATOR_HOST": self.emulator.url,
            "AIRFLOW_CONN_KFP_DEFAULT": json.dumps(kfp),
            "AIRFLOW_CONN_KFP_V1": json.dumps(kfp | {"extra": {"api_version": "v1beta1"}}),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "6",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # A worker's end is noticed at its next heartbeat, and triggers wait for that; jobs on this
            # machine take less than the five seconds of the default.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._worker_logs),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._trigger_logs),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
