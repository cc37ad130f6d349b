"""A PostgreSQL of a stack's own, where the machine has one installed.

Airflow on SQLite is good for a few tasks at once. With more, its API server comes to wait for itself: one
request, on the event loop, for a lock that another one holds until the event loop goes on.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from processes import Servers, StackError, free_port, wait_until

PLACES = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"
"""Where distributions put the server's programs, off the search path."""

USER = "postgres"
"""Whom the server runs as for root, as whom it refuses to run."""


def find_programs() -> Path | None:
    """Return the folder of the server's programs, or nothing where it is not installed, or cannot run."""
    if _is_root() and USER not in {entry.pw_name for entry in pwd.getpwall()}:
        return None
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    found = [folder for place in PLACES for folder in Path("/").glob(place.lstrip("/"))]
    return max(found, default=None)


@contextmanager
def postgresql(programs: Path, servers: Servers, *, log: Path) -> Iterator[str]:
    """Start a server with an empty database, and yield its address; the server ends with the others.

    :param programs: where `initdb` and `postgres` are.
    :param servers: what it is ended with.
    :param log: for its output.
    """
    run_as: dict[str, Any] = {"user": USER} if _is_root() else {}
    # Short, for the name of its socket, and open to whom it runs as.
    with tempfile.TemporaryDirectory(prefix="mljobs-") as folder:
        if run_as:
            shutil.chown(folder, USER)
        data, port = Path(folder) / "data", free_port()
        initdb = [str(programs / "initdb"), "--auth=trust", "--username=airflow", f"--pgdata={data}"]
        made = subprocess.run(initdb, check=False, capture_output=True, text=True, cwd=folder, **run_as)
        if made.returncode != 0:
            raise StackError(f"PostgreSQL could not make a database: {made.stderr.strip()[-2000:]}")
        argv = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", folder, "-c", "fsync=off"]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]
        server = servers.start("PostgreSQL", argv, env=os.environ, log=log, **run_as)
        where = ["--host=127.0.0.1", f"--port={port}", "--username=airflow"]
        ready = [str(programs / "pg_isready"), "--quiet", *where]

        def is_up() -> bool:
            server.check()
            return subprocess.run(ready, check=False).returncode == 0

        wait_until(is_up, within=60, what="PostgreSQL's start")
        yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"


def _is_root() -> bool:
    return os.geteuid() == 0
