"""Runs a NotebookExecutionJob: its notebook, through nbclient, with a kernel of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mljobs.emulator.execution import notebook_runner
from airflow_mljobs.emulator.execution.plan import Ended, Place, Plan, Refused
from airflow_mljobs.emulator.gcs import local_path

if TYPE_CHECKING:
    from airflow_mljobs.emulator.execution.base import StoredJob

DIRECT_NAME = "content.ipynb"
"""What the service calls the output of a notebook that was sent along, as its users report."""


async def plan_notebook(job: StoredJob, place: Place) -> Plan:
    """Plan the notebook, from the job itself or from a bucket; Dataform's repositories are not emulated.

    The kernel is `kernel_name`, or else `python3`: that of the emulator's own interpreter, whose packages
    stand for those of the runtime. The executed notebook is written to
    `<gcs_output_uri>/<job id>/<name of the notebook>`, also when a cell fails.
    """
    missing = [name for name in ("nbclient", "ipykernel") if importlib.util.find_spec(name) is None]
    if missing:
        raise Refused(
            f"Notebooks run with nbclient and ipykernel, and there is no {' and no '.join(missing)}: "
            "install airflow-provider-mljobs[notebook]."
        )
    resource: Any = job.resource
    try:
        name, content = _read_source(resource, place)
        output = local_path(
            place.gcs, f"{resource.gcs_output_uri.rstrip('/')}/{job.name.rpartition('/')[2]}/{name}"
        )
    except ValueError as error:
        raise Refused(str(error)) from error
    source, failure = place.folder / "source.ipynb", place.folder / "failure.txt"
    source.write_bytes(content)
    output.parent.mkdir(parents=True, exist_ok=True)
    python = Path(sys.executable)
    kernel = resource.kernel_name or "python3"
    return Plan(
        argv=[str(python), notebook_runner.__file__, str(source), str(output), str(failure), kernel],
        env=place.environment(python=python),
        cwd=place.folder,
        explain=lambda ended: _explain(ended, failure),
        timeout=resource.execution_timeout.ToTimedelta().total_seconds() or None,
    )


def _read_source(resource: Any, place: Place) -> tuple[str, bytes]:
    match resource.WhichOneof("notebook_source"):
        case "direct_notebook_source":
            return DIRECT_NAME, resource.direct_notebook_source.content
        case "gcs_notebook_source":
            uri = resource.gcs_notebook_source.uri
            path = local_path(place.gcs, uri)
            if not path.is_file():
                raise Refused(f"gcs_notebook_source: there is no {uri}.")
            return path.name, path.read_bytes()
        case source:
            raise Refused(f"The emulator has no repositories: {source} cannot be read here.")


def _explain(ended: Ended, failure: Path) -> str:
    if failure.exists():
        return f"{failure.read_text(encoding='utf-8')}\nThe full output is in {ended.log}"
    reason = ended.start_error or ended.tail
    return (
        f"The notebook could not be run (exit status {ended.returncode}): {reason}\n"
        f"The full output is in {ended.log}"
    )
