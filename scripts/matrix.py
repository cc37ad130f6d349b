"""Test the wheel on every version of Airflow and Python that it is for, and show what came of it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from environments import CONSTRAINTS, ROOT, Environment, InstallError, build, find_python
from processes import heed_interrupts

HOME = ROOT / ".local" / "matrix"
"""For the environments, and for what the tests on them print."""

SUITES = {"wheel": "load", "unit": "loadfile", "contract": "load"}
"""Folders of tests, and how theirs are shared out: file by file where what a file sets up is dear.

The first looks from outside at an environment that holds nothing but the wheel.
"""

NEEDED = ("pyproject.toml", "docs", "example_dags", "scripts", "tests")
"""What the other tests need of the source tree; the package is not among it."""

AT_ONCE = 4
"""Tests of a suite: they wait for servers and processes more than they compute."""

LAST_WORDS = 5_000

# Whoever reads a log file has room for a whole line.
console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


def airflows() -> list[str]:
    """Return the versions that there are constraints for."""
    return sorted(path.stem.removeprefix("airflow-") for path in CONSTRAINTS.glob("airflow-*.txt"))


def pythons() -> list[str]:
    """Return the versions that the package says it is for."""
    return re.findall(r'"Programming Language :: Python :: ([\d.]+)"', (ROOT / "pyproject.toml").read_text())


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one suite.

    :param why: there are no figures.
    """

    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    why: str = ""

    @classmethod
    def of(cls, report: Path, *, seconds: float) -> Outcome:
        """Read pytest's report; it writes none when it does not come to the tests."""
        if not report.exists():
            return cls(why="broke off")
        suite = next(ElementTree.parse(report).getroot().iter("testsuite")).attrib
        failed = int(suite["failures"]) + int(suite["errors"])
        passed = int(suite["tests"]) - int(suite["skipped"]) - failed
        return cls(passed=passed, failed=failed, seconds=seconds)

    @property
    def is_good(self) -> bool:
        """Whether there was something to pass, and all of it has."""
        return self.passed > 0 and not self.failed

    def __str__(self) -> str:
        return self.why or f"{self.passed} passed, {self.failed} failed, {self.seconds:.0f} s"


ABSENT = Outcome(why="not present")


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is tested, and with what.

    :param wheel: which.
    :param tests: a copy of what they need, beside which the package is not.
    :param suites: the folders of tests.
    """

    wheel: Path
    tests: Path
    suites: Sequence[str]

    def run(self, *, airflow: str, python: str) -> list[Outcome]:
        """Run the suites on one version of Airflow and one of Python, and return what came of each."""
        place = f"Airflow {airflow} on Python {python}"
        interpreter = find_python(python)
        if interpreter is None:
            console.print(f"{place}: not present")
            return [ABSENT] * len(self.suites)
        folder = HOME / f"{airflow}-{python}"
        folder.mkdir(parents=True, exist_ok=True)
        environment = Environment(folder=folder / "venv", interpreter=interpreter, airflow=airflow)
        outcomes = []
        for suite in self.suites:
            try:
                outcome = self._run(suite, environment, folder=folder)
            except InstallError as error:
                console.print(str(error))
                outcome = Outcome(why="not installed")
            console.print(f"{place}: {suite}: {outcome}")
            outcomes.append(outcome)
        return outcomes

    def _run(self, suite: str, environment: Environment, *, folder: Path) -> Outcome:
        environment.install(self.wheel)
        named = {"AIRFLOW_HOME": str(folder / "airflow")}
        if suite == "wheel":
            named |= {"MLJOBS_WHEEL": str(self.wheel), "MLJOBS_WHEEL_PYTHON": str(environment.python)}
            python, within = Path(sys.executable), ROOT
        else:
            environment.add_tools()
            python, within = environment.python, self.tests
        shared_out = (f"--numprocesses={AT_ONCE}", f"--dist={SUITES[suite]}")
        log, report = (folder / f"{suite}.{kind}" for kind in ("log", "xml"))
        report.unlink(missing_ok=True)
        begin = time.monotonic()
        with log.open("wb") as output:
            subprocess.run(
                [python, "-m", "pytest", f"tests/{suite}", f"--junitxml={report}", *shared_out],
                check=False,
                cwd=within,
                env=os.environ | named,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        outcome = Outcome.of(report, seconds=time.monotonic() - begin)
        if not outcome.is_good:
            console.print(log.read_text(errors="replace")[-LAST_WORDS:])
        return outcome


@contextmanager
def copied(*names: str) -> Iterator[Path]:
    """Copy parts of the source tree to a folder, which is gone afterwards."""
    with TemporaryDirectory(prefix="mljobs-") as folder:
        for name in names:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        yield Path(folder)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for what, choices in (("airflow", airflows()), ("python", pythons()), ("suites", list(SUITES))):
        parser.add_argument(f"--{what}", nargs="+", choices=choices, default=choices, help="default: all")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for, print the table, and return the exit status."""
    options = parse()
    heed_interrupts()
    table = Table("Airflow", "Python", *options.suites, title="What ran")
    outcomes: list[Outcome] = []
    try:
        wheel = build(ROOT / "dist")
        console.print(f"built {wheel}", soft_wrap=True)
        with copied(*NEEDED) as tests:
            matrix = Matrix(wheel=wheel, tests=tests, suites=options.suites)
            for airflow, python in product(options.airflow, options.python):
                row = matrix.run(airflow=airflow, python=python)
                table.add_row(airflow, python, *map(str, row))
                outcomes += row
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        return 130
    except InstallError as error:
        console.print(str(error))
        return 1
    console.print(table)
    ran = [outcome for outcome in outcomes if outcome is not ABSENT]
    return 0 if ran and all(outcome.is_good for outcome in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
