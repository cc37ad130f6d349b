"""Notebooks on the local engine: where they come from, where they go, and how they fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import nbformat
import pytest
from emulator_samples import notebook, notebook_job
from engine_bench import PARENT, Bench, await_that, is_running
from google.cloud.aiplatform_v1 import NotebookServiceClient
from google.cloud.aiplatform_v1.services.notebook_service.transports import NotebookServiceGrpcTransport
from google.cloud.aiplatform_v1.types import JobState, NotebookExecutionJob

from airflow_mljobs.emulator.execution.base import Phase, StoredJob
from airflow_mljobs.emulator.server import Emulator


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Start an engine on an empty folder."""
    with Bench(tmp_path / "data") as bench:
        yield bench


def job(job_id: str, source: bytes | str | Mapping[str, Any], **fields: Any) -> StoredJob:
    """Return a job that runs this notebook, which is sent along or lies in a bucket."""
    if isinstance(source, bytes):
        fields["direct_notebook_source"] = {"content": source}
    elif isinstance(source, str):
        fields["gcs_notebook_source"] = {"uri": source}
    else:
        fields["dataform_repository_source"] = source
    values = {"display_name": job_id, "gcs_output_uri": "gs://bucket/out/", **fields}
    name = f"{PARENT}/notebookExecutionJobs/{job_id}"
    resource = NotebookExecutionJob.pb(NotebookExecutionJob(values))
    return StoredJob(
        name=name, kind="NotebookExecutionJob", phase=Phase.PENDING, labels={}, resource=resource
    )


def output(bench: Bench, job_id: str, name: str = "content.ipynb") -> list[Any]:
    """Return the outputs of the cells of an executed notebook, each text in one piece."""
    executed = nbformat.read(bench.gcs / "bucket" / "out" / job_id / name, as_version=4)
    return [cell.get("outputs") for cell in executed.cells]


def test_a_notebook_runs_whole(bench: Bench) -> None:
    """Cells share a kernel, run in their order, and their outputs are kept in a copy and in the log."""
    sent = job("1", notebook("x = 20", "# a heading", "print(x + 1)\nx * 2"))

    assert bench.run(sent).phase is Phase.SUCCEEDED

    _, heading, (printed, value) = output(bench, "1")
    assert heading is None
    assert printed["text"] == "21\n"
    assert value["data"]["text/plain"] == "40"
    assert bench.log(sent).endswith("21\n")


def test_a_notebook_in_a_bucket(bench: Bench) -> None:
    """A notebook in a bucket runs, and its copy keeps its name."""
    (bench.gcs / "bucket").mkdir(parents=True)
    (bench.gcs / "bucket" / "daily.ipynb").write_bytes(notebook("1 + 1"))

    assert bench.run(job("1", "gs://bucket/daily.ipynb")).phase is Phase.SUCCEEDED

    assert output(bench, "1", "daily.ipynb")[0][0]["data"]["text/plain"] == "2"


def test_the_cell_that_fails_is_named(bench: Bench) -> None:
    """A failure says which cell, which error, and where; what ran before it is kept."""
    sent = job("1", notebook("print('done')", "# a heading", "def f():\n    {}['no such']\nf()", "print(2)"))

    update = bench.run(sent)

    assert update.phase is Phase.FAILED
    assert (update.error or "").startswith("Cell 3 of 4 failed: KeyError: 'no such'\n")
    assert "----> 3 f()" in (update.error or "")
    assert "\x1b" not in (update.error or "")
    assert f"The full output is in {bench.data}" in (update.error or "")
    first, _, third, fourth = output(bench, "1")
    assert (first[0]["text"], third[0]["ename"], fourth) == ("done\n", "KeyError", [])


@pytest.mark.parametrize(
    ("source", "fields", "reason"),
    [
        (notebook("import os; os._exit(3)"), {}, "The kernel died in cell 1"),
        (notebook("1"), {"kernel_name": "julia"}, "There is no kernel 'julia'"),
        (b"no notebook", {}, "no notebook that can be read"),
        ("gs://bucket/nothing.ipynb", {}, "there is no gs://bucket/nothing.ipynb"),
        ({"commit_sha": "1"}, {}, "dataform_repository_source cannot be read"),
        (notebook("1"), {"gcs_output_uri": "gs://bucket/../../out"}, "leads out of its folder"),
        (
            notebook("print('begun')", "import time; time.sleep(600)"),
            {"execution_timeout": {"seconds": 6}},
            "longer than its timeout of 6 s and was stopped. Last output: begun",
        ),
    ],
)
def test_failures_have_reasons(bench: Bench, source: Any, fields: dict[str, Any], reason: str) -> None:
    """Whatever keeps a notebook from its end is told."""
    update = bench.run(job("1", source, **fields))

    assert update.phase is Phase.FAILED
    assert reason in (update.error or "")


def test_nothing_outlives_a_stop(bench: Bench, tmp_path: Path) -> None:
    """A job that is stopped leaves neither its kernel nor what that started, and keeps what it had done."""
    mark = tmp_path / "pids"
    code = (
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"pathlib.Path({str(tmp_path / 'part')!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(tmp_path / 'part')!r}, {str(mark)!r})\n"
        "time.sleep(600)"
    )
    sent = job("1", notebook("print('first')", code))
    bench.engine.start(sent)
    await_that(mark.exists)

    bench.engine.cancel(sent)

    assert bench.finish(sent).phase is Phase.CANCELLED
    await_that(lambda: not any(is_running(int(pid)) for pid in mark.read_text().split()))
    assert output(bench, "1")[0][0]["text"] == "first\n"


def test_a_name_is_free_once_its_job_is_deleted(tmp_path: Path) -> None:
    """A job of the name of one just deleted runs once that one's processes have ended, as itself."""
    with (
        Emulator(data=tmp_path, engine="local") as emulator,
        grpc.insecure_channel(emulator.grpc_address) as channel,
    ):
        client = NotebookServiceClient(transport=NotebookServiceGrpcTransport(channel=channel))

        def create(*cells: str) -> Any:
            given = notebook_job(direct_notebook_source={"content": notebook(*cells)})
            return client.create_notebook_execution_job(
                parent=PARENT, notebook_execution_job=given, notebook_execution_job_id="x"
            )

        create(f"open({str(tmp_path / 'begun')!r}, 'w')", "import time; time.sleep(600)")
        await_that((tmp_path / "begun").exists)
        client.delete_notebook_execution_job(name=f"{PARENT}/notebookExecutionJobs/x")

        assert create("print('again')").result(timeout=60).job_state == JobState.JOB_STATE_SUCCEEDED
        assert (tmp_path / "logs" / "x.log").read_text().endswith("again\n")


def test_a_notebook_sees_no_secrets(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel finds nothing of the user's environment."""
    monkeypatch.setenv("AIRFLOW_CONN_X", "secret")

    bench.run(job("1", notebook("import os; print('AIRFLOW_CONN_X' in os.environ)")))

    assert output(bench, "1")[0][0]["text"] == "False\n"
