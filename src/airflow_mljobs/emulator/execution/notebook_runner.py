"""Executes one notebook, in a process of its own: `notebook_runner.py SOURCE OUTPUT FAILURE KERNEL`.

Cells' printed output goes to the log as it comes. The notebook as far as it got is written to OUTPUT,
whatever happens; why it stopped, where it did, to FAILURE.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
TRACEBACK_BYTES = 1000


class CellFailed(Exception):
    """A cell raised; the message tells which, and what."""


def main(*, source: Path, output: Path, failure: Path, kernel: str) -> int:
    """Run the notebook and return the exit status."""
    import nbformat

    try:
        notebook = nbformat.reads(source.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    except (ValueError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        failure.write_text(f"The source is no notebook that can be read: {error}", encoding="utf-8")
        return 1
    try:
        run(notebook, kernel=kernel)
    except CellFailed as error:
        failure.write_text(str(error), encoding="utf-8")
        return 1
    finally:
        nbformat.write(notebook, output)  # type: ignore[no-untyped-call]
    return 0


def run(notebook: Any, *, kernel: str) -> None:
    """Run every cell of the notebook, which keeps what they put out.

    :raises CellFailed: when a cell raises, or its kernel dies.
    """
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from traitlets.config import Config

    class Client(NotebookClient):
        """Says aloud what the cells do."""

        def process_message(self, message: Any, cell: Any, cell_index: int) -> Any:
            if message["msg_type"] == "stream":
                print(message["content"]["text"], end="", flush=True)  # noqa: T201
            return super().process_message(message, cell, cell_index)

    running: list[int] = []

    def note(*, cell: Any, cell_index: int) -> None:
        running[:] = [cell_index]

    # Other users of this machine could listen at the kernel's ports otherwise.
    config = Config(KernelManager={"transport_encryption": "auto"})
    client = Client(notebook, timeout=None, kernel_name=kernel, on_cell_start=note, config=config)
    try:
        client.execute()
    except CellExecutionError as error:
        raise CellFailed(describe(notebook, running[0], error)) from error
    except DeadKernelError as error:
        raise CellFailed(f"The kernel died in cell {running[0] + 1}.") from error
    except NoSuchKernel as error:
        raise CellFailed(f"There is no kernel {kernel!r} on this machine.") from error


def describe(notebook: Any, index: int, error: Any) -> str:
    """Name the cell that failed as a person counts, from 1 and all of them, and its error."""
    cell = notebook.cells[index]
    errors = [part for part in cell.get("outputs", ()) if part["output_type"] == "error"]
    trace = ESCAPES.sub("", "\n".join(errors[-1]["traceback"])) if errors else ""
    said = f"Cell {index + 1} of {len(notebook.cells)} failed: {error.ename}: {error.evalue}"
    return f"{said}\n{trace[-TRACEBACK_BYTES:]}".strip()


if __name__ == "__main__":
    given, wanted, reason, name = sys.argv[1:]
    sys.exit(main(source=Path(given), output=Path(wanted), failure=Path(reason), kernel=name))
