"""The service that both sides are measured against: the emulator behind its production address."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil

from benchmarks.proxy import Tunnel
from certificate import write_certificate
from emulator_server import EmulatorServer
from processes import Servers, wait_until

ROOT = Path(__file__).parents[1]
PROJECT = "my-project"
REGION = "europe-west4"
HOST = f"{REGION}-aiplatform.googleapis.com"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
CONNECTION = {"conn_type": "google_cloud_platform", "extra": {"project": PROJECT, "is_anonymous": True}}
POINTERS = ("_PROXY", "_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT")
"""How the variables end that would lead a client elsewhere, or make it somebody."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What reached the service."""

    requests: int
    connections: int
    received: int

    def since(self, before: Traffic) -> Traffic:
        """Return what came after an earlier reading."""
        return Traffic(
            requests=self.requests - before.requests,
            connections=self.connections - before.connections,
            received=self.received - before.received,
        )


@dataclass(kw_only=True)
class Service:
    """An emulator that speaks TLS, and the tunnel by which clients reach it under Google's own name.

    :param home: where the state, the logs and the certificate are kept.
    """

    home: Path
    servers: Servers = field(default_factory=Servers)
    emulator: EmulatorServer = field(init=False)
    tunnel: Tunnel = field(init=False)
    certificate: Path = field(init=False)
    _is_up: Callable[[], bool] = field(init=False)

    @contextmanager
    def running(self) -> Iterator[Service]:
        """Start it, and end it and whatever was started with `servers`, whatever happens.

        Enter it in the main thread, which alone may handle signals; `wait` before the first request.
        """
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1"
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        allow_many_files()
        with ExitStack() as stack:
            stack.callback(self.servers.stop)
            self.certificate, key = write_certificate(self.home, hosts=(HOST, "localhost"))
            self.emulator = EmulatorServer(
                servers=self.servers,
                home=self.home,
                engine="simulate",
                seconds=1.0,
                options=["--tls-certificate", str(self.certificate), "--tls-key", str(key)],
            )
            self._is_up = self.emulator.start()
            port = int(self.emulator.grpc.rpartition(":")[2])
            self.tunnel = stack.enter_context(Tunnel(host=f"{HOST}:443", target=port).running())
            yield self

    def wait(self) -> None:
        """Wait until it answers."""
        wait_until(self._is_up, within=60, what="The emulator's start")

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to reach it: nothing in here is known to either side's code."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().endswith(POINTERS)}
        return kept | {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT": json.dumps(CONNECTION),
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.certificate),
            "grpc_proxy": f"http://127.0.0.1:{self.tunnel.port}",
            # Whoever looks for credentials beside the connection's finds none, here and on the network.
            "CLOUDSDK_CONFIG": str(self.home / "gcloud"),
            "NO_GCE_CHECK": "true",
        }

    @contextmanager
    def client(self, client_class: Any) -> Iterator[Any]:
        """Give out an official client that goes past the tunnel, and so is not counted there.

        :param client_class: a client of ``google.cloud.aiplatform_v1``.
        """
        credentials = grpc.ssl_channel_credentials(self.certificate.read_bytes())
        with grpc.secure_channel(self.emulator.grpc, credentials) as channel:
            yield client_class(transport=client_class.get_transport_class("grpc")(channel=channel))

    def traffic(self) -> Traffic:
        """Return what has reached it up to now."""
        return Traffic(
            requests=sum(self.emulator.requests().values()),
            connections=self.tunnel.connections,
            received=self.tunnel.received,
        )


def allow_many_files() -> None:
    """Raise the limit of open files, for this process and those it starts, as far as it may be raised."""
    process = psutil.Process()
    _, most = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (most, most))
