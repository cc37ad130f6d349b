"""What the pages tell a reader to write or to run, is run."""

from __future__ import annotations

import configparser
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import commands
import pytest
import yaml
from dag_files import parsed

from airflow_mljobs.emulator.server import Emulator
from pages import PAGES, SHOWN_ONLY, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language != SHOWN_ONLY]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_code_block(block: Block, emulator: Emulator, tmp_path: Path) -> None:
    """A block does what its page says it does."""
    RUN[block.language](block, emulator, tmp_path)


def run_python(block: Block, emulator: Emulator, folder: Path) -> None:
    """Parse a DAG file, or execute anything else against the emulator."""
    if "with DAG(" in block.code or "@dag" in block.code:
        path = folder / "from_the_page.py"
        path.write_text(block.code)
        parsed(path)
        return
    code = block.code.replace("http://localhost:8471", emulator.http_url)
    exec(compile(code, str(block), "exec"), {"__name__": "__main__"})


def check_console(block: Block, emulator: Emulator, folder: Path) -> None:
    """Check each command line."""
    lines = list(commands.command_lines(block.code))
    assert lines
    for words in lines:
        commands.check(words)


def check_ini(block: Block, emulator: Emulator, folder: Path) -> None:
    """Look whether Airflow has each setting."""
    from airflow.configuration import conf

    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(block.code)
    assert settings.sections()
    for section in settings.sections():
        for key in settings[section]:
            assert conf.has_option(section, key), f"[{section}] {key}"


RUN: Mapping[str, Callable[[Block, Emulator, Path], None]] = {
    "python": run_python,
    "console": check_console,
    "ini": check_ini,
    "json": lambda block, emulator, folder: json.loads(block.code),
    "yaml": lambda block, emulator, folder: yaml.safe_load(block.code),
}
