"""The emulator as a process of its own, and what is asked of its control plane."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from processes import Server, Servers, free_port, wait_until


@dataclass(kw_only=True)
class EmulatorServer:
    """An emulator on ports that it keeps when it is started anew.

    :param servers: what it is ended with.
    :param home: where it keeps its state and its log.
    :param engine: ``simulate`` or ``local``.
    :param seconds: how long a simulated job takes.
    :param options: further options of its command line.
    """

    servers: Servers
    home: Path
    engine: str
    seconds: float
    options: Sequence[str] = ()
    grpc: str = field(default_factory=lambda: f"localhost:{free_port()}")
    url: str = field(default_factory=lambda: f"http://localhost:{free_port()}")
    _server: Server | None = None

    def start(self) -> Callable[[], bool]:
        """Start it, and return what tells whether it is up."""
        ready = self.home / "emulator.json"
        ready.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "airflow_mljobs.emulator", "--engine", self.engine]
        argv += ["--grpc-port", self.grpc.rpartition(":")[2], "--http-port", self.url.rpartition(":")[2]]
        argv += ["--seconds", str(self.seconds)]
        argv += ["--data", str(self.home / "emulator"), "--ready-file", str(ready)]
        argv += self.options
        if kfp_python := os.environ.get("MLJOBS_KFP_PYTHON"):
            argv += ["--kfp-python", kfp_python]
        log = self.home / "emulator.log"
        self._server = server = self.servers.start("The emulator", argv, env=os.environ, log=log)

        def is_up() -> bool:
            server.check()
            return ready.exists()

        return is_up

    def restart(self) -> None:
        """Kill it, and start another on what it left."""
        if self._server:
            self.servers.kill(self._server)
        wait_until(self.start(), within=60, what="The emulator's new start")

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that it holds, newest first."""
        found: list[dict[str, Any]] = self._control("GET", "jobs")
        return found

    def job(self, name: str) -> dict[str, Any]:
        """Return the emulator's own word on a job, or nothing when it has none."""
        return next((job for job in self.jobs() if job["name"] == name), {})

    def keep_time(self) -> None:
        """Let happen what is due: it happens with the next request, and would take all its time there."""
        self._control("GET", "clock")

    def fail(self, **fault: Any) -> None:
        """Queue a fault: `airflow_mljobs.emulator.faults.Fault` has the fields."""
        self._control("POST", "faults", json=fault)

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that have not been used up."""
        left: list[dict[str, Any]] = self._control("GET", "faults")
        return left

    def forget_faults(self, containing: str | None = None) -> None:
        """Answer as the services do again, or do so to the requests that contain a text."""
        self._control("DELETE", "faults", params={"containing": containing})

    def set_kfp(self, **settings: Any) -> None:
        """Change the settings of Kubeflow Pipelines, such as the token that every request must bring."""
        self._control("POST", "kfp", json=settings)

    def keep_requests(self, method: str) -> None:
        """Keep what requests of a method say, until the next restart, to count those that contain a text."""
        self._control("POST", "requests", json={"keep": method})

    def requests(self, containing: str | None = None) -> dict[str, int]:
        """Return how many requests arrived, by method; with a text, how many kept ones contain it."""
        counts: dict[str, int] = self._control("GET", "requests", params={"containing": containing})
        return counts

    def _control(self, verb: str, path: str, **kwargs: Any) -> Any:
        answer = requests.request(verb, f"{self.url}/_emulator/{path}", timeout=30, **kwargs)
        answer.raise_for_status()
        return answer.json()
