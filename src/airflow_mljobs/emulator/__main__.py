"""The command line: `python -m airflow_mljobs.emulator --data DIR`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_mljobs.emulator.server import Emulator


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_mljobs.emulator",
        description="Answers as the ML job services do, on this machine only (127.0.0.1).",
    )
    parser.add_argument(
        "--engine",
        choices=["simulate", "local"],
        default="simulate",
        help="simulate (default) scripts the jobs; local RUNS THE SUBMITTED CODE ON THIS MACHINE, as you",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where the state is kept")
    parser.add_argument(
        "--grpc-port", type=int, default=8470, help="0 takes a free one (default %(default)s)"
    )
    parser.add_argument(
        "--http-port", type=int, default=8471, help="0 takes a free one (default %(default)s)"
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="written as JSON once requests are answered"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="how long a simulated job takes (default %(default)s)",
    )
    parser.add_argument(
        "--kfp-python",
        type=Path,
        metavar="PATH",
        help="interpreter with the KFP SDK, for pipelines of the local engine",
    )
    parser.add_argument(
        "--kfp-server",
        choices=["1.8", "2.5", "2.17"],
        default="2.17",
        help="which release of the Kubeflow Pipelines server to be (default %(default)s)",
    )
    parser.add_argument(
        "--kfp-multi-user",
        action="store_true",
        help="keep runs in namespaces, for users with grants (POST /_emulator/kfp)",
    )
    for name, what in (("certificate", "certificate"), ("key", "the certificate's private key")):
        parser.add_argument(
            f"--tls-{name}",
            type=Path,
            metavar="FILE",
            help=f"{what}, PEM: the gRPC port speaks TLS (default: plaintext)",
        )
    options = parser.parse_args(arguments)
    if (options.tls_certificate is None) != (options.tls_key is None):
        parser.error("--tls-certificate and --tls-key go together")
    return options


def _announce(emulator: Emulator, ready_file: Path) -> None:
    # Renamed into place, so that whoever waits for the file never reads half of it.
    partial = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
    partial.write_text(
        json.dumps({"grpc": emulator.grpc_address, "http": emulator.http_url, "pid": os.getpid()})
    )
    partial.replace(ready_file)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parse(arguments)
    # Takes seconds to import, which neither the help nor a wrong option should cost.
    from airflow_mljobs.emulator.server import Emulator
    from airflow_mljobs.emulator.services.kfp.server import KfpSettings

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Emulator(
        data=options.data,
        engine=options.engine,
        grpc_port=options.grpc_port,
        http_port=options.http_port,
        seconds=options.seconds,
        kfp_python=options.kfp_python,
        kfp=KfpSettings(release=options.kfp_server, multi_user=options.kfp_multi_user),
        tls=(options.tls_certificate, options.tls_key) if options.tls_key else None,
    ) as emulator:
        if options.ready_file is not None:
            _announce(emulator, options.ready_file)
        # The variable means plaintext to whoever reads it.
        if options.tls_key is None:
            print(f"VERTEX_AI_EMULATOR_HOST={emulator.grpc_address}", flush=True)  # noqa: T201
        print(f"ML_ENGINE_EMULATOR_HOST={emulator.http_url}", flush=True)  # noqa: T201
        print(f"STORAGE_EMULATOR_HOST={emulator.http_url}", flush=True)  # noqa: T201
        print(f"KF_PIPELINES_ENDPOINT={emulator.http_url}", flush=True)  # noqa: T201
        stop.wait()
    if options.ready_file is not None:
        options.ready_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
