from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from processes import MARK, wait_until

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"


def stacks() -> dict[str, int]:
    """Return the marks of all stacks on this machine, and how many processes each has."""
    marks = [(process.info["environ"] or {}).get(MARK) for process in psutil.process_iter(["environ"])]
    return {mark: marks.count(mark) for mark in marks if mark}


def test_an_interrupted_demo_leaves_no_process() -> None:
    """A Ctrl-C in the middle of the start ends every process that was begun, before the demo ends."""
    others = stacks()
    with subprocess.Popen([sys.executable, DEMO], stdout=subprocess.PIPE, text=True) as demo:
        try:
            # The emulator, and Airflow with some of its own servers.
            wait_until(
                lambda: any(count >= 5 for mark, count in stacks().items() if mark not in others),
                within=60,
                what="The start of the servers",
            )
        finally:
            demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "nothing is left running" in output
    assert not stacks().keys() - others.keys()
