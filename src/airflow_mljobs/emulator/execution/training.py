"""What the two training services have in common: packages to import, and a replica's end in words."""

from __future__ import annotations

import signal
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from airflow_mljobs.emulator.execution.plan import Ended, Refused

PORT = 2222
"""Where the replicas of a cluster are told to find each other."""

SOURCE_MARKS = ("PKG-INFO", "pyproject.toml", "setup.py")


def search_path(packages: Sequence[str], folder: Path) -> str:
    """Unpack sdists, wheels and zips below a folder, and return the search path for what is in them."""
    found: list[str] = []
    for number, package in enumerate(map(Path, packages)):
        root = package if package.is_dir() else _unpack(package, folder / str(number))
        # The two usual layouts of a source distribution; a wheel has neither and is importable as it is.
        found += [str(path) for path in (root / "src", root) if path.is_dir()]
    return ":".join(found)


def _unpack(package: Path, folder: Path) -> Path:
    try:
        if package.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(package) as archive:
                archive.extractall(folder)
        else:
            with tarfile.open(package) as archive:
                archive.extractall(folder, filter="data")
    except FileNotFoundError as error:
        raise Refused(f"package_uris: there is no {package} on this machine.") from error
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise Refused(f"package_uris: {package} is no sdist, wheel, zip or folder: {error}") from error
    entries = list(folder.iterdir())
    # A source distribution keeps everything in one folder, beside the files that describe it.
    is_source = len(entries) == 1 and any((entries[0] / name).exists() for name in SOURCE_MARKS)
    return entries[0] if is_source else folder


def explain(ended: Ended, *, replica: str) -> str:
    """Say how a replica ended that did not end well, as the service does."""
    if ended.start_error:
        return (
            f"The replica {replica} exited with a non-zero status of {ended.returncode}. "
            f"Termination reason: StartError. Termination log message: {ended.start_error}"
        )
    status, death = ended.returncode, ""
    if status < 0:
        named = {number.value: number.name for number in signal.Signals}
        death = f" (killed by {named.get(-status, f'signal {-status}')})"
        # As a shell and a container runtime tell a signal.
        status = 128 - status
    return (
        f"The replica {replica} exited with a non-zero status of {status}{death}. "
        f"Termination reason: Error. {ended.tail}\nThe full output is in {ended.log}"
    )
