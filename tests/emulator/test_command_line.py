"""The emulator as its own process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
import requests
from emulator_samples import PARENT
from google.cloud import aiplatform_v1

from airflow_mljobs.emulator.server import Emulator
from certificate import write_certificate

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "airflow_mljobs.emulator"]


def test_serves_until_told_to_stop(tmp_path: Path) -> None:
    """The process announces its addresses, answers there, and ends cleanly and quickly on either signal."""
    with ExitStack() as stack:
        # Started together: the client library takes seconds to import.
        running = [
            (number, *_start(stack, tmp_path / number.name)) for number in (signal.SIGINT, signal.SIGTERM)
        ]
        for number, process, ready in running:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(4)]
            announced = json.loads(ready.read_text())

            assert lines == [
                f"VERTEX_AI_EMULATOR_HOST={announced['grpc']}",
                f"ML_ENGINE_EMULATOR_HOST={announced['http']}",
                f"STORAGE_EMULATOR_HOST={announced['http']}",
                f"KF_PIPELINES_ENDPOINT={announced['http']}",
            ]
            assert announced["pid"] == process.pid
            assert requests.get(f"{announced['http']}/_emulator/health", timeout=5).ok
            kfp = requests.get(f"{announced['http']}/_emulator/kfp", timeout=5).json()
            assert (kfp["release"], kfp["multi_user"]) == ("2.5", True)
            with grpc.insecure_channel(announced["grpc"]) as channel:
                transport = aiplatform_v1.JobServiceClient.get_transport_class("grpc")(channel=channel)
                client = aiplatform_v1.JobServiceClient(transport=transport)
                assert not list(client.list_custom_jobs(parent=PARENT))

            start = time.monotonic()
            process.send_signal(number)
            assert process.wait(timeout=10) == 0
            assert time.monotonic() - start < 3
            assert not ready.exists()


def test_speaks_tls(tmp_path: Path) -> None:
    """With a certificate the gRPC port speaks TLS, and no variable points plaintext clients at it."""
    certificate, key = write_certificate(tmp_path, hosts=["localhost"])
    with ExitStack() as stack:
        options = ["--tls-certificate", str(certificate), "--tls-key", str(key)]
        process, ready = _start(stack, tmp_path / "data", *options)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ML_ENGINE_EMULATOR_HOST=")
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(json.loads(ready.read_text())["grpc"], credentials) as channel:
            transport = aiplatform_v1.JobServiceClient.get_transport_class("grpc")(channel=channel)
            client = aiplatform_v1.JobServiceClient(transport=transport)
            assert not list(client.list_custom_jobs(parent=PARENT))
        process.terminate()
        assert process.wait(timeout=10) == 0


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    """Half of what TLS needs is refused rather than answered in plaintext."""
    command = [*COMMAND, "--data", str(tmp_path), "--tls-certificate", "certificate.pem"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "--tls-certificate and --tls-key go together" in refused.stderr


def _start(stack: ExitStack, data: Path, *options: str) -> tuple[subprocess.Popen[str], Path]:
    ready = data.with_suffix(".json")
    arguments = ["--data", str(data), "--grpc-port=0", "--http-port=0", "--ready-file", str(ready)]
    arguments += ["--kfp-server=2.5", "--kfp-multi-user", *options]
    process = stack.enter_context(subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True))
    return process, ready


def test_help_warns_of_the_local_engine() -> None:
    """The help says that the local engine runs submitted code on this machine."""
    text = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout

    assert "RUNS THE SUBMITTED CODE ON THIS MACHINE" in " ".join(text.split())


def test_port_in_use(tmp_path: Path) -> None:
    """Two emulators never share a port, and the error names it."""
    with Emulator(data=tmp_path / "first") as first:
        taken = int(first.http_url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{taken}"):
            Emulator(data=tmp_path / "second", http_port=taken)
        with pytest.raises(RuntimeError):
            Emulator(data=tmp_path / "third", grpc_port=int(first.grpc_address.rpartition(":")[2]))


def test_unknown_engine(tmp_path: Path) -> None:
    """An engine that does not exist is refused by name."""
    with pytest.raises(ValueError, match="engine must be simulate or local, got 'cloud'"):
        Emulator(data=tmp_path, engine="cloud")


def test_listens_on_loopback_only(emulator: Emulator) -> None:
    """Nobody else on the network can reach the emulator."""
    for address in (emulator.grpc_address, emulator.http_url):
        port = int(address.rpartition(":")[2])
        # Another address of the same interface: a server on all interfaces would answer here.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=1)
