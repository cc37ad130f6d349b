"""Take the pictures of the documentation: a real Airflow and the emulator, seen with a headless Chromium."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from processes import StackError, heed_interrupts, wait_until
from stack import Stack

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DAG_ID = "all_services"
"""Starts all the other examples, whose jobs the emulator then shows."""

SHOWN = "vertex_ai_pipeline"
"""The example in the pictures of a run."""

WITHIN = 300.0
"""Seconds for a run."""

WIDTH = 1280
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Keeps the browser from asking anything of anybody else."""


@contextmanager
def browser(chromium: str) -> Iterator[Page]:
    """Open a page in a browser that nobody has used before."""
    with TemporaryDirectory(prefix="mljobs-") as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=list(QUIET),
            color_scheme="light",
            locale="en-GB",
        )
        yield context.new_page()
        context.close()


class Album:
    """Goes to what is worth a picture, and takes it.

    :param page: of the browser.
    :param stack: what is shown.
    """

    def __init__(self, page: Page, stack: Stack) -> None:
        self._page = page
        self._stack = stack

    def take_all(self, run_id: str) -> None:
        """Take every picture.

        :param run_id: a finished run of the DAG `SHOWN`.
        """
        self._log_in()
        self._connection_form()
        self._run(run_id)
        self._job_link(run_id)
        self._emulator()

    def _keep(self, name: str, *, whole: bool = False) -> None:
        path = IMAGES / f"{name}.png"
        self._page.screenshot(path=path, full_page=whole, animations="disabled")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")

    def _open(self, path: str) -> None:
        self._page.goto(f"{self._stack.url}/{path}")

    def _log_in(self) -> None:
        self._open("auth/login")
        self._page.fill("input[name=username]", "admin")
        self._page.fill("input[name=password]", self._stack.airflow.password)
        self._page.click("button[type=submit]")
        self._page.wait_for_url(f"{self._stack.url}/")

    def _connection_form(self) -> None:
        page = self._page
        self._look(height=960)
        self._open("connections")
        page.get_by_role("button", name="Add Connection").click()
        form = page.get_by_role("dialog")
        form.locator("input[name=connection_id]").fill("kfp_default")
        form.get_by_role("combobox").first.fill("Kubeflow Pipelines")
        page.get_by_role("option", name="Kubeflow Pipelines").click()
        form.locator("input[name=host]").fill("https://kubeflow.example/pipeline")
        self._keep("kfp-connection")
        # Airflow keeps one section open at a time.
        self._look(height=1280)
        form.get_by_role("button", name="Authentication").click()
        form.locator("#element_auth").get_by_role("combobox").fill("Token file")
        page.get_by_role("option", name="Token file").click()
        form.locator("input[name=element_token_file]").fill("/var/run/secrets/kubeflow/pipelines/token")
        self._keep("kfp-authentication")

    def _run(self, run_id: str) -> None:
        self._look(height=640)
        self._open(f"dags/{SHOWN}/runs/{run_id}")
        self._page.get_by_role("heading", name="2 Task Instances").wait_for()
        self._keep("run")

    def _job_link(self, run_id: str) -> None:
        self._look(height=640)
        self._open(f"dags/{SHOWN}/runs/{run_id}/tasks/run/details")
        self._page.get_by_role("link", name="Vertex AI pipeline job").wait_for()
        self._keep("job-link")

    def _emulator(self) -> None:
        self._look(height=400)
        self._page.goto(self._stack.emulator.url)
        self._page.get_by_role("table").wait_for()
        self._keep("emulator", whole=True)

    def _look(self, *, height: int) -> None:
        self._page.set_viewport_size({"width": WIDTH, "height": height})


def finished(stack: Stack, dag_id: str) -> str:
    """Run a DAG to its end and return the run's id."""
    run_id = stack.airflow.trigger(dag_id)

    def has_ended() -> bool:
        stack.servers.check()
        return stack.airflow.run_state(dag_id, run_id) in {"success", "failed"}

    wait_until(has_ended, within=WITHIN, what=f"The end of {dag_id}", every=0.5)
    return run_id


def main() -> int:
    """Take the pictures and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser's program")
    options = parser.parse_args()
    if not options.chromium:
        parser.error("there is no chromium on the path; install it, or name one")
    heed_interrupts()
    IMAGES.mkdir(exist_ok=True)
    stack = Stack(home=ROOT / ".local" / "screenshots", dags=ROOT / "example_dags", engine="local")
    try:
        with stack.running(), browser(options.chromium) as page:
            run_id = finished(stack, SHOWN)
            finished(stack, DAG_ID)
            Album(page, stack).take_all(run_id)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
