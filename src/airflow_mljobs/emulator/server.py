"""The emulator put together: one store, one clock and one engine behind a gRPC and an HTTP server."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar, Self

import grpc
import uvicorn
from starlette.applications import Starlette

from airflow_mljobs.emulator.agenda import Agenda
from airflow_mljobs.emulator.clock import Clock, moment_of
from airflow_mljobs.emulator.console import Console
from airflow_mljobs.emulator.execution.simulate import SimulateEngine
from airflow_mljobs.emulator.faults import Faults, Requests
from airflow_mljobs.emulator.http import HttpGateway
from airflow_mljobs.emulator.operations import Operations
from airflow_mljobs.emulator.rpc import Gateway
from airflow_mljobs.emulator.services.kfp.runs import KfpRuns
from airflow_mljobs.emulator.services.kfp.server import KfpSettings
from airflow_mljobs.emulator.services.metadata import Metadata
from airflow_mljobs.emulator.services.mlengine import MLEngineJobs
from airflow_mljobs.emulator.services.notebook import NotebookExecutionJobs
from airflow_mljobs.emulator.services.vertex_ai import CustomJobs, PipelineJobs
from airflow_mljobs.emulator.storage import storage_routes
from airflow_mljobs.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from airflow_mljobs.emulator.execution.base import Engine, Update
    from airflow_mljobs.emulator.services.http_jobs import HttpJobs
    from airflow_mljobs.emulator.services.lifecycle import Lifecycle
    from airflow_mljobs.emulator.services.vertex import VertexJobs

_LOOPBACK = "127.0.0.1"
_GRACE = 0.5


class Emulator:
    """A running emulator from construction to `close`; also a context manager.

    :param data: The directory of its state: jobs, logs and the objects of the storage.
    :param engine: `simulate` scripts the jobs; `local` really runs their code on this machine.
    :param grpc_port: Port of the Vertex AI services; 0 takes a free one.
    :param http_port: Port of the console, the control plane and the storage; 0 takes a free one.
    :param seconds: How long a simulated job takes.
    :param cancel_seconds: How long a simulated job takes to stop.
    :param kfp_python: An interpreter with the KFP SDK for the local engine, instead of one that it sets up.
    :param kfp: Which Kubeflow Pipelines server is emulated; the newest, for one user, unless given.
    :param tls: Certificate and key, PEM files, with which the gRPC port speaks TLS; plaintext unless given.
    """

    services: ClassVar[tuple[type[VertexJobs], ...]] = (PipelineJobs, CustomJobs, NotebookExecutionJobs)
    http_services: ClassVar[tuple[type[HttpJobs], ...]] = (MLEngineJobs,)

    def __init__(
        self,
        *,
        data: Path,
        engine: str = "simulate",
        grpc_port: int = 0,
        http_port: int = 0,
        seconds: float = 10.0,
        cancel_seconds: float = 0.2,
        kfp_python: Path | None = None,
        kfp: KfpSettings | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.data = data
        self.clock = Clock()
        self.faults = Faults()
        self.requests = Requests()
        with ExitStack() as stack:
            self.store = Store(data / "emulator.sqlite")
            stack.callback(self.store.close)
            listener = stack.enter_context(_listen(http_port))
            server, port = _bind(grpc_port, tls)
            stack.callback(lambda: server.stop(_GRACE).wait())
            self._agenda = Agenda(self.store)
            self._engine = self._choose_engine(engine, seconds, cancel_seconds, kfp_python)
            stack.callback(self._engine.close)
            operations = Operations(store=self.store, clock=self.clock)
            over_grpc = [
                service(store=self.store, clock=self.clock, engine=self._engine, operations=operations)
                for service in self.services
            ]
            runs = KfpRuns(
                store=self.store, clock=self.clock, engine=self._engine, settings=kfp or KfpSettings()
            )
            self.kfp = runs.server
            over_http = [
                *(
                    service(store=self.store, clock=self.clock, engine=self._engine)
                    for service in self.http_services
                ),
                runs,
            ]
            self.jobs: Mapping[str, Lifecycle] = {jobs.noun: jobs for jobs in (*over_grpc, *over_http)}
            # Before the first request, or a job just created would be taken for one left by an earlier run.
            self._recover()
            self._serve_grpc(server, operations, over_grpc)
            stack.callback(self._serve_http(listener, over_http))
            stack.callback(self.clock.close)
            stack.callback(self.faults.close)
            self._stack = stack.pop_all()
        self.grpc_address = f"localhost:{port}"
        self.http_url = f"http://localhost:{listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the work that runs, then the servers; the state stays in the data directory."""
        self._engine.close()
        self._stack.close()

    def catch_up(self) -> None:
        """Let happen what the clock has made due."""
        self._agenda.settle(self.clock.now(), self._apply)

    def report(self, name: str, update: Update) -> None:
        """Take the news of an engine."""
        self._apply(name, update, None)

    def _apply(self, name: str, update: Update, moment: int | None) -> None:
        record = self.store.get(name)
        if record is not None:
            at = self.clock.now() if moment is None else moment_of(moment)
            self.jobs[record.kind].report(name, update, at)

    def _choose_engine(
        self, name: str, seconds: float, cancel_seconds: float, kfp_python: Path | None
    ) -> Engine:
        if name == "simulate":
            return SimulateEngine(
                agenda=self._agenda, clock=self.clock, seconds=seconds, cancel_seconds=cancel_seconds
            )
        if name == "local":
            from airflow_mljobs.emulator.execution.local import LocalEngine

            self._agenda.clear()
            return LocalEngine(data=self.data, report=self.report, kfp_python=kfp_python)
        msg = f"engine must be simulate or local, got {name!r}"
        raise ValueError(msg)

    def _recover(self) -> None:
        records = self.store.active()
        self._engine.recover(
            [self.jobs[record.kind].stored(record, self.jobs[record.kind].load(record)) for record in records]
        )

    def _serve_grpc(
        self, server: grpc.Server, operations: Operations, services: Sequence[VertexJobs]
    ) -> None:
        metadata = Metadata(store=self.store, clock=self.clock)
        gateway = Gateway(requests=self.requests, faults=self.faults, catch_up=self.catch_up)
        server.add_generic_rpc_handlers(
            [
                gateway.handler(operations.service, operations.methods()),
                gateway.handler(metadata.service, metadata.methods()),
                *(gateway.handler(jobs.service, jobs.methods()) for jobs in services),
            ]
        )
        server.start()

    def _serve_http(self, listener: socket.socket, services: Sequence[HttpJobs]) -> Callable[[], None]:
        routes = [*Console(self).routes(), *storage_routes(self.data / "gcs")]
        for jobs in services:
            gateway = HttpGateway(
                service=jobs.service,
                envelope=jobs.envelope,
                requests=self.requests,
                faults=self.faults,
                catch_up=self.catch_up,
            )
            routes += jobs.routes(gateway)
        config = uvicorn.Config(
            Starlette(routes=routes),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="emulator-http", daemon=True
        )
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join()

        return stop


def _bind(port: int, tls: tuple[Path, Path] | None) -> tuple[grpc.Server, int]:
    server = grpc.server(
        ThreadPoolExecutor(max_workers=32, thread_name_prefix="emulator"),
        # Two emulators must not share a port, each getting some of the requests.
        options=[("grpc.so_reuseport", 0)],
    )
    address = f"{_LOOPBACK}:{port}"
    if tls is None:
        return server, server.add_insecure_port(address)
    certificate, key = (path.read_bytes() for path in tls)
    return server, server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOOPBACK, port))
        # From here on a client's connection waits for the server instead of being refused.
        listener.listen()
    except OSError as error:
        listener.close()
        msg = f"cannot listen on {_LOOPBACK}:{port}: {error.strerror}"
        raise OSError(error.errno, msg) from error
    return listener
