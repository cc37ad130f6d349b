"""Checks the command lines that the pages show, each by whoever understands it."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement

from pages import ROOT

DISTRIBUTION = "airflow-provider-mljobs"


def command_lines(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of a console block."""
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def check(words: list[str]) -> None:
    """Check a command.

    :raises KeyError: when nobody here understands it: check it, or mark the block.
    """
    program, *arguments = words
    CHECKS[Path(program).name](arguments)


def _make(arguments: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for variable in (word.partition("=")[0] for word in arguments if "=" in word):
        assert f"$({variable})" in makefile
    # Say what would be done: a target that is not there, make knows best.
    env = {name: text for name, text in os.environ.items() if name != "MAKEFLAGS"}
    subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, env=env, check=True, capture_output=True)


def _pip(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["install"])
    parser.add_argument("requirements", nargs="+", type=Requirement)
    parser.add_argument("--constraint", nargs="*", default=[])
    options = parser.parse_args(arguments)
    extras = set(metadata(DISTRIBUTION).get_all("Provides-Extra") or ())
    for requirement in options.requirements:
        if requirement.name == DISTRIBUTION:
            assert requirement.extras <= extras
            requirement.url = ROOT.as_uri()
    # Whether there is a set of packages that goes together; to fetch them all would show no more.
    subprocess.run(
        [
            *(Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "-"),
            *(f"--constraint={name}" for name in options.constraint),
        ],
        cwd=ROOT,
        input="\n".join(map(str, options.requirements)),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _python3(arguments: list[str]) -> None:
    assert arguments[:2] == ["-m", "venv"]


def _export(arguments: list[str]) -> None:
    from airflow.configuration import conf

    for name, _, value in (word.partition("=") for word in arguments):
        if name.startswith("AIRFLOW_CONN_"):
            assert json.loads(value)["conn_type"] in {"google_cloud_platform", "kfp"}
        elif option := re.fullmatch(r"AIRFLOW__(?P<section>\w+?)__(?P<key>\w+)", name):
            assert conf.has_option(option["section"].lower(), option["key"].lower())
        else:
            sources = (path.read_text() for path in (ROOT / "src").rglob("*.py"))
            assert any(name in source for source in sources), f"nothing reads {name}"


def _airflow(arguments: list[str]) -> None:
    from airflow.cli import cli_parser

    cli_parser.get_parser().parse_args(arguments)


def _python(arguments: list[str]) -> None:
    from airflow_mljobs.emulator.__main__ import _parse

    assert arguments[:2] == ["-m", "airflow_mljobs.emulator"]
    _parse(arguments[2:])


def _cp(arguments: list[str]) -> None:
    *sources, _ = arguments
    assert all((ROOT / source).exists() for source in sources)


CHECKS: Mapping[str, Callable[[list[str]], None]] = {
    "airflow": _airflow,
    "cp": _cp,
    "export": _export,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "python3": _python3,
}
