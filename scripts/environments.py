"""The wheel, and virtual environments in which it is what a user installs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints"
NAME = "airflow-provider-mljobs"


class InstallError(RuntimeError):
    """The wheel could not be built, or not be installed; says why."""


def build(folder: Path) -> Path:
    """Build the source distribution and, out of that, the wheel; return the wheel."""
    _uv("build", "--clear", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def find_python(version: str) -> Path | None:
    """Return this machine's interpreter of a version, or nothing; none is downloaded."""
    find = ("python", "find", "--system", "--no-project", "--no-python-downloads", version)
    try:
        # What pyenv puts on the search path answers for versions that are named to it, and for no others.
        return Path(_uv(*find, PYENV_VERSION=f"{version}:system").strip())
    except InstallError:
        return None


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment for one version of Airflow, kept between runs.

    :param folder: where it is.
    :param interpreter: what it is made with.
    :param airflow: the minor version, by which the constraints are named.
    """

    folder: Path
    interpreter: Path
    airflow: str

    @property
    def python(self) -> Path:
        """Its own interpreter."""
        return self.folder / "bin" / "python"

    def install(self, wheel: Path) -> None:
        """Leave nothing in it but the wheel and what that depends on."""
        if not self.python.exists():
            _uv("venv", "--python", self.interpreter, self.folder)
        # By its name a wheel cannot be told from one that was built before.
        self._install("--exact", "--reinstall-package", NAME, wheel)

    def add_tools(self) -> None:
        """Add what the tests need besides."""
        self._install("--group", f"{ROOT / 'pyproject.toml'}:dev")

    def _install(self, *words: str | Path) -> None:
        constraints = CONSTRAINTS / f"airflow-{self.airflow}.txt"
        _uv("pip", "install", "--python", self.python, "--constraints", constraints, *words)


def _uv(*words: str | Path, **variables: str) -> str:
    argv = [Path(sys.executable).with_name("uv"), *words]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=os.environ | variables)
    if done.returncode != 0:
        raise InstallError(done.stderr.strip())
    return done.stdout
