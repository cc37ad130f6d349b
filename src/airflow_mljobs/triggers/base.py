"""The one trigger that all services share: wait for a job, tell what changes, report its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_mljobs._compat import TRIGGERS_HEAR_KILLS
from airflow_mljobs.jobs import (
    Failure,
    FailureKind,
    Finish,
    GiveUp,
    Job,
    JobStatus,
    Poller,
    Teller,
    Wait,
    describe_miss,
)
from airflow_mljobs.jobs.identity import JOB_NAME
from airflow_mljobs.jobs.job import shorten
from airflow_mljobs.loading import load_hook
from airflow_mljobs.triggers.watch import Scope, shared_watch

if TYPE_CHECKING:
    from airflow_mljobs.hooks.base import JobHook

LAST_LOOK = 60.0
"""Seconds for the look that is made at the deadline, and for a request that is under way then."""

ASK_WITHIN = 8.0
"""Seconds for asking Airflow whether a task was killed."""

WORKER_TOLD_WITHIN = 1.5
"""Seconds from a worker's last heartbeat until the scheduler knows that it has ended."""

CANCEL_WITHIN = 20.0
"""Seconds for a cancel and its repeats; Airflow gives a killed trigger 30 for both."""


class JobTrigger(BaseTrigger):
    """Waits for one job; a subclass only names its hook.

    Fires once: ``{"job": …|None, "error": {"verdict", "message", "job_name"}|None}``.

    :param job_name: full resource name of the job.
    :param hook_params: arguments of the hook, plain JSON and without secrets.
    :param poll_interval: seconds between two looks, at the most: who can be looked at together is.
    :param deadline: the time, in seconds since 1970, at which to give up.
    :param cancel_on_kill: whether to cancel the job when a user kills the task.
    :param poll_failure_tolerance: seconds for which the service may be out of reach.
    """

    hook_class: ClassVar[str]

    def __init__(
        self,
        *,
        job_name: str,
        hook_params: Mapping[str, Any],
        poll_interval: float,
        deadline: float | None = None,
        cancel_on_kill: bool = True,
        poll_failure_tolerance: float = 3600.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_name = job_name
        self.hook_params = dict(hook_params)
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.cancel_on_kill = cancel_on_kill
        self.poll_failure_tolerance = poll_failure_tolerance
        self._page: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what rebuilds this trigger in a triggerer."""
        fields = (
            "job_name",
            "hook_params",
            "poll_interval",
            "deadline",
            "cancel_on_kill",
            "poll_failure_tolerance",
        )
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {field: getattr(self, field) for field in fields}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the job has ended, or cannot be waited for any longer.

        Below Airflow 3.3, to be cancelled while waiting may be a kill, and cancel the job; see `on_kill`.
        """
        heartbeat = conf.getint("workers", "min_heartbeat_interval")
        worker_is_gone = time.monotonic() + heartbeat + WORKER_TOLD_WITHIN
        try:
            event = await self._wait()
            # A worker's end is noticed at its next heartbeat. Airflow takes a task for lost that is at work
            # again by then: the try fails, and its log just stops.
            await asyncio.sleep(worker_is_gone - time.monotonic())
        except asyncio.CancelledError:
            if not TRIGGERS_HEAR_KILLS:
                await self.on_kill()
            raise
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> dict[str, Any]:
        poller = Poller(
            poll_interval=self.poll_interval,
            failure_tolerance=self.poll_failure_tolerance,
            deadline=self.deadline,
        )
        known: Job | None = None
        teller = Teller()
        pause = 0.0
        with shared_watch(self._scope()) as watch:
            while True:
                look = await watch.look(
                    self.job_name,
                    after=pause,
                    every=self.poll_interval,
                    known=known,
                    within=None if self.deadline is None else max(0.0, self.deadline - time.time()),
                )
                if look is None:
                    # The job may have ended since it was last looked at.
                    look = await watch.look(self.job_name, within=LAST_LOOK)
                if look is None:
                    return self._gave_up(teller.job, poller.expire())
                now = time.time()
                decision = poller.after(look, now=now)
                self._tell(teller, look, decision, now=now)
                match decision:
                    case Finish(job=final):
                        return {"job": final.to_dict(), "error": None}
                    case GiveUp():
                        return self._gave_up(teller.job, decision)
                    case Wait(seconds=seconds):
                        pause = seconds
                # After a failure the next answer is news to the poller, whatever it is.
                known = look if isinstance(look, Job) else None

    def _scope(self) -> Scope:
        return Scope.of(self.job_name, hook_class=self.hook_class, hook_params=self.hook_params)

    def _gave_up(self, job: Job | None, given_up: GiveUp) -> dict[str, Any]:
        error = {
            "verdict": given_up.verdict.value,
            "message": shorten(given_up.message, limit=1_000),
            "job_name": self.job_name,
        }
        return {"job": job.to_dict() if job else None, "error": error}

    def _tell(
        self, teller: Teller, look: Job | Failure, decision: Finish | Wait | GiveUp, *, now: float
    ) -> None:
        # The class's logger: one of each trigger's own would be seven objects more for each that waits.
        if isinstance(look, Failure):
            self.logger().warning(describe_miss(self.job_name, look, decision))
            return
        self._page = look.url
        if change := teller.tell(look, now=now):
            self.logger().info(change)

    async def on_kill(self) -> None:
        """Cancel the job when a user killed the task, and tell what became of it."""
        kill = asyncio.create_task(self._kill())
        # Airflow cancels a killed trigger anew at every round, once a second, also in the middle of this.
        while not kill.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(kill)

    async def _kill(self) -> None:
        where = f"; page: {self._page}" if self._page else ""
        try:
            # Losing a trigger to another triggerer looks like a kill; the task is then still deferred.
            waited_for = await sync_to_async(self._ask_whether_waited_for, thread_sensitive=False)()
        except Exception as error:
            self.logger().warning(
                "Could not ask Airflow whether the task was killed (%s: %s); job %s is left running: cancel "
                "it by hand, if it is not wanted%s",
                type(error).__name__,
                error,
                self.job_name,
                where,
            )
            return
        if waited_for:
            self.logger().info("Task is still deferred: job %s is left to the next triggerer", self.job_name)
            return
        if not self.cancel_on_kill:
            words = "Task killed; job %s keeps running, as this task does not cancel it%s"
            self.logger().info(words, self.job_name, where)
            return
        try:
            outcome = await sync_to_async(self._cancel, thread_sensitive=False)()
        except Exception as error:
            self.logger().warning(
                "Task killed, but job %s could not be cancelled (%s: %s); it may still be running: cancel it "
                "by hand%s",
                self.job_name,
                type(error).__name__,
                error,
                where,
            )
        else:
            self.logger().info("Task killed: %s", outcome)

    def _ask_whether_waited_for(self) -> bool:
        import tenacity

        # Airflow's own API may be busy, and what it does not answer now would be left running for ever.
        retrying = tenacity.Retrying(
            stop=tenacity.stop_before_delay(ASK_WITHIN), wait=tenacity.wait_fixed(1), reraise=True
        )
        return retrying(self._is_waited_for)

    def _is_waited_for(self) -> bool:
        ti = self.task_instance
        if ti is None:
            return False
        task: dict[str, Any] = {
            "dag_id": ti.dag_id,
            "run_id": ti.run_id,
            "task_id": ti.task_id,
            "map_index": ti.map_index if ti.map_index >= 0 else None,
        }
        # In this order: whoever is deferred has told its job's name before.
        return self._is_deferred(**task) and self._told_job_name(**task) in {None, self.job_name}

    @staticmethod
    def _is_deferred(*, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> bool:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        states = RuntimeTaskInstance.get_task_states(
            dag_id=dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index
        )
        # A mapped task is answered under its id and index.
        return "deferred" in {str(state) for state in states.get(run_id, {}).values()}

    @staticmethod
    def _told_job_name(**task: Any) -> str | None:
        """Return the job of the task's present try: of a killed one, a later try may be deferred by now."""
        from airflow.providers.common.compat.sdk import XCom

        name: str | None = XCom.get_one(key=JOB_NAME, **task)
        return name

    def _cancel(self) -> str:
        hook: JobHook = load_hook(self.hook_class, self.hook_params, freeze=True)
        try:
            look = hook.look(self.job_name)
            # A cleared task's next try may have been quicker.
            if isinstance(look, Failure):
                if look.kind is FailureKind.MISSING:
                    return f"job {self.job_name} is gone already"
            elif look.status is not JobStatus.ACTIVE or look.state in hook.cancelling:
                return f"job {self.job_name} is {look.state} already"
            # Before it, too: who repeats a kill ends the task's log, but not what is done here.
            self.logger().info("Task killed: asking the service to %s job %s", hook.cancels_by, self.job_name)
            hook.insist(hook.cancel_job, self.job_name, within=CANCEL_WITHIN, denied_within=CANCEL_WITHIN)
            return f"asked the service to {hook.cancels_by} job {self.job_name}"
        finally:
            hook.close()
