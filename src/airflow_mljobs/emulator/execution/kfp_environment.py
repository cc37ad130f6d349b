"""The virtual environment that runs compiled pipelines.

The kfp SDK cannot live beside Airflow's providers (their dependencies contradict each other), so it gets an
environment of its own, made once for each user and version.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from airflow_mljobs.emulator.execution.plan import Refused, tail
from airflow_mljobs.emulator.execution.process import read_output

KFP_VERSION = "2.17.0"
"""`kfp_runner` reaches into kfp.local, so the version is exact."""


class KfpEnvironment:
    """Finds kfp's interpreter: the one given, or that of an environment made at the first use."""

    def __init__(self, *, python: Path | None = None) -> None:
        self._given = python

    async def python(self) -> Path:
        """Return the interpreter, making the environment where there is none yet."""
        if self._given:
            return self._given
        folder = self._folder()
        made = folder / "complete"
        async with _lock(folder.with_name(f"{folder.name}.lock")):
            if not made.exists():
                await self._make(folder)
                # Written last: without it, an interrupted attempt is cleared away by the next.
                made.touch()
        return folder / "bin" / "python"

    @staticmethod
    def _folder() -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cache / "airflow-provider-mljobs" / f"kfp-{KFP_VERSION}-python-{version}"

    @staticmethod
    async def _make(folder: Path) -> None:
        install = ("-m", "pip", "install", "--disable-pip-version-check", f"kfp=={KFP_VERSION}")
        for argv in (
            (sys.executable, "-m", "venv", "--clear", str(folder)),
            (str(folder / "bin" / "python"), *install),
        ):
            status, output = await read_output(argv)
            if status:
                raise Refused(
                    f"The environment that runs pipelines (kfp {KFP_VERSION}) could not be made: "
                    f"{' '.join(argv)!r} exited with status {status}.\n{tail(output)}"
                )


@contextlib.asynccontextmanager
async def _lock(path: Path) -> AsyncIterator[None]:
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # The system lets go of the lock whichever way its holder ends, which a lock file does not.
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
