"""The engine that really does the work, on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_mljobs.emulator.execution.base import Phase, Report, StoredJob, Update
from airflow_mljobs.emulator.execution.custom_job import plan_custom_job
from airflow_mljobs.emulator.execution.kfp_environment import KfpEnvironment
from airflow_mljobs.emulator.execution.mlengine import plan_mlengine_job
from airflow_mljobs.emulator.execution.notebook import plan_notebook
from airflow_mljobs.emulator.execution.pipeline_job import PipelinePlanner
from airflow_mljobs.emulator.execution.plan import Place, Plan, Planner, Refused
from airflow_mljobs.emulator.execution.process import Record, run
from airflow_mljobs.emulator.gcs import inside

logger = logging.getLogger(__name__)

RESTARTED = (
    "The emulator was restarted while the job ran; what was left of its processes has been ended. "
    "Submit the job again."
)


class LocalEngine:
    """Runs each job as a process group of this machine, a few at a time, the others in their order.

    Below `data`, `gcs/<bucket>` stands for Cloud Storage, `logs/<job id>.log` keeps the output of a job, and
    `jobs/<full name>` is its home and working folder. Images, machine types and accelerators are recorded by
    the emulator and not obeyed here. A job sees next to nothing of the emulator's environment, but it is not
    confined: it may do on this machine whatever the user who started the emulator may.
    """

    def __init__(
        self,
        *,
        data: Path,
        report: Report,
        kfp_python: Path | None = None,
        slots: int | None = None,
        grace: float = 5.0,
    ) -> None:
        self._data = data.resolve()
        self._report = report
        self._grace = grace
        pipelines = PipelinePlanner(environment=KfpEnvironment(python=kfp_python))
        self._planners: Mapping[str, Planner] = {
            "CustomJob": plan_custom_job,
            "MLEngineJob": plan_mlengine_job,
            "NotebookExecutionJob": plan_notebook,
            "PipelineJob": pipelines,
            "KFPRun": pipelines,
        }
        for folder in ("gcs", "logs", "jobs"):
            (self._data / folder).mkdir(parents=True, exist_ok=True)
        self._slots = asyncio.Semaphore(slots or os.cpu_count() or 1)
        self._tasks: dict[str, asyncio.Task[Update]] = {}
        self._heirs: dict[str, StoredJob] = {}
        self._closing = asyncio.Event()
        # A loop of its own: the server's must never wait for a process, nor a process for a request.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="local-engine", daemon=True)
        self._thread.start()

    def start(self, job: StoredJob) -> None:
        """Queue the job for the next free slot."""
        self._loop.call_soon_threadsafe(self._begin, job)

    def cancel(self, job: StoredJob) -> None:
        """End the job's processes: asked first, forced when the grace is over."""
        self._loop.call_soon_threadsafe(self._stop, job)

    def recover(self, jobs: Sequence[StoredJob]) -> None:
        """End what an earlier emulator left running; only jobs that had not begun begin anew."""
        self._loop.call_soon_threadsafe(self._settle, list(jobs))

    def close(self) -> None:
        """End every process group and the engine's thread; the jobs' phases stay for `recover` to settle."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._until_closed())

    async def _until_closed(self) -> None:
        await self._closing.wait()
        tasks = list(self._tasks.values())
        for name in list(self._tasks):
            self._interrupt(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, job: StoredJob) -> None:
        if job.name in self._tasks:
            # A job of this name was deleted, and its processes are still ending.
            self._heirs[job.name] = job
        elif not self._closing.is_set():
            task = self._tasks[job.name] = asyncio.create_task(self._carry(job), name=job.name)
            # Not at the end of the coroutine, which a cancel before its first step never enters.
            task.add_done_callback(lambda ended: self._conclude(job, ended))

    def _conclude(self, job: StoredJob, task: asyncio.Task[Update]) -> None:
        del self._tasks[job.name]
        if heir := self._heirs.pop(job.name, None):
            self._begin(heir)
        elif not self._closing.is_set():
            self._report(job.name, Update(phase=Phase.CANCELLED) if task.cancelled() else task.result())

    def _stop(self, job: StoredJob) -> None:
        if job.name in self._tasks and not self._heirs.pop(job.name, None):
            self._interrupt(job.name)
        else:
            self._report(job.name, Update(phase=Phase.CANCELLED))

    def _interrupt(self, name: str) -> None:
        # Once only: a second interruption would cut the orderly end of the first one short.
        if not self._tasks[name].cancelling():
            self._tasks[name].cancel()

    def _settle(self, jobs: Sequence[StoredJob]) -> None:
        for job in jobs:
            folder = self._place(job).folder
            had_begun = Record(folder=folder).kill()
            shutil.rmtree(folder, ignore_errors=True)
            if job.phase is Phase.CANCELLING:
                self._report(job.name, Update(phase=Phase.CANCELLED))
            elif had_begun or job.phase is Phase.RUNNING:
                self._report(job.name, Update(phase=Phase.FAILED, error=RESTARTED))
            else:
                self._begin(job)

    async def _carry(self, job: StoredJob) -> Update:
        try:
            async with self._slots:
                self._report(job.name, Update(phase=Phase.PENDING))
                return await self._run(job)
        except asyncio.CancelledError:
            return Update(phase=Phase.CANCELLED)
        except Refused as error:
            return Update(phase=Phase.FAILED, error=str(error))
        except Exception as error:
            logger.exception("The local engine could not run %s", job.name)
            return Update(phase=Phase.FAILED, error=f"The emulator could not run the job: {error!r}")

    async def _run(self, job: StoredJob) -> Update:
        planner = self._planners.get(job.kind)
        if planner is None:
            raise Refused(f"The local engine runs {', '.join(self._planners)}; it cannot run a {job.kind}.")
        place = self._place(job)
        await asyncio.to_thread(_renew, place.folder)
        try:
            plan = await planner(job, place)
            return await self._obey(plan, job=job, place=place)
        finally:
            # As with a container's disk, what was not written to a bucket goes with the job.
            await asyncio.to_thread(shutil.rmtree, place.folder, ignore_errors=True)

    async def _obey(self, plan: Plan, *, job: StoredJob, place: Place) -> Update:
        phase = Phase.CANCELLED
        error = None
        try:
            ended = await run(
                plan, place=place, grace=self._grace, tell=lambda update: self._report(job.name, update)
            )
            phase = Phase.FAILED if ended.returncode else Phase.SUCCEEDED
            error = plan.explain(ended) if ended.returncode else None
        except Refused:
            phase = Phase.FAILED
            raise
        finally:
            tasks = plan.news.settle(phase) if plan.news else ()
            if tasks and not self._closing.is_set():
                self._report(job.name, Update(tasks=tasks))
        return Update(phase=phase, error=error)

    def _place(self, job: StoredJob) -> Place:
        return Place(
            gcs=self._data / "gcs",
            folder=inside(self._data / "jobs", job.name),
            log=inside(self._data / "logs", f"{job.name.rpartition('/')[2]}.log"),
        )


def _renew(folder: Path) -> None:
    # An emulator that died has left its jobs' folders, and a name may be taken again.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
