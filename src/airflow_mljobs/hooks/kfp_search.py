"""Finds runs: those of a task, and many of which the ids are known."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

from airflow_mljobs.hooks.base import JobHook
from airflow_mljobs.hooks.kfp_builder import run_id_for
from airflow_mljobs.hooks.kfp_filters import contains, one_of
from airflow_mljobs.hooks.kfp_resources import id_of, run_of
from airflow_mljobs.hooks.kfp_runs import KFPRunsHook
from airflow_mljobs.hooks.lists import Entry, Page, Question
from airflow_mljobs.jobs import Attempt, Job, TaskIdentity

IDS_IN_A_FILTER = 100
"""More would not fit into the 8 kB of a request line that proxies allow."""

PAGE_BYTES = 1_000_000
"""What a page of whole runs should not exceed: to read it holds up all other threads."""

PROBED = 8
"""How many attempts of each generation are looked for at once."""


class KFPSearchHook(KFPRunsHook, JobHook):
    """Asks the lists of runs, by id wherever there is one."""

    _page_size = 20  # until it is known how large a run is

    # What a renewed login needs of Airflow, only the thread can ask in which all this is called.
    gets_at_once = 1

    def close(self) -> None:
        """Close the connections, and what looking at many jobs has opened."""
        JobHook.close(self)
        super().close()

    @abstractmethod
    def as_job(self, answer: dict[str, Any]) -> Job:
        """Read a run of either generation."""

    def get_resource(self, name: str) -> dict[str, Any]:
        """Get a run whole."""
        return self.get_run(name)

    def list_resources(self, parent: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield runs over pages.

        :param parent: their namespace; empty on a single-user server.
        :param params: of `list_runs`.
        """
        return self.iterate_runs(namespace=parent or None, **params)

    def find_jobs(self, identity: TaskIdentity, *, parent: str) -> list[Attempt]:
        """Find a task instance's runs: by the ids made for them, or by name where the server makes ids."""
        found = self._found_by_name(identity, parent) if self.is_v1 else self._found_by_id(identity, parent)
        return sorted(found, key=lambda attempt: (attempt.epoch, attempt.number), reverse=True)

    @property
    def lists_in_brief(self) -> bool:
        """Say that lists of v1beta1 leave out a run's workflow, and with it the steps."""
        return self.is_v1

    def page_of(self, question: Question, then: Any) -> Page:
        """List runs by their ids, whatever has become of them: a server filters by no label."""
        begin, token = then or (0, None)
        end = begin + IDS_IN_A_FILTER
        page = self.list_runs(
            namespace=question.parent or None,
            filter=[one_of("id", question.job_ids[begin:end])],
            page_size=self._page_size,
            page_token=token,
        )
        runs = self.items(page)
        if runs:
            self._page_size = min(max(PAGE_BYTES * len(runs) // self.api.received, 1), IDS_IN_A_FILTER)
        following = (end, None) if end < len(question.job_ids) else None
        if token := page.get("next_page_token"):
            following = (begin, token)
        return Page(entries=map(self._entry, runs), size=len(runs), then=following)

    def _entry(self, run: dict[str, Any]) -> Entry:
        return Entry(job_id=id_of(run), mark=None, read=partial(self.as_job, run))

    def _found_by_id(self, identity: TaskIdentity, parent: str) -> list[Attempt]:
        found: list[Attempt] = []
        first, last = 1, PROBED
        while True:
            numbers = {
                run_id_for(identity, epoch=epoch, attempt=number): (epoch, number)
                for epoch in range(identity.epoch + 1)
                for number in range(first, last + 1)
            }
            ids = list(numbers)
            for begin in range(0, len(ids), IDS_IN_A_FILTER):
                predicate = one_of("id", ids[begin : begin + IDS_IN_A_FILTER])
                for run in self.list_resources(parent, filter=[predicate], page_size=IDS_IN_A_FILTER):
                    epoch, number = numbers[id_of(run)]
                    found.append(Attempt(job=self.as_job(run), epoch=epoch, number=number))
            if not any(attempt.number == last for attempt in found):
                return found
            first, last = last + 1, last + PROBED

    def _found_by_name(self, identity: TaskIdentity, parent: str) -> list[Attempt]:
        mark = re.compile(rf"\[{identity.key}-(\d+)-(\d+)\]$")
        runs = self.list_resources(parent, filter=[contains("name", identity.key)], page_size=IDS_IN_A_FILTER)
        return [
            Attempt(job=self.as_job(run), epoch=int(match[1]), number=int(match[2]))
            for run in runs
            if (match := mark.search(str(run_of(run).get("name", ""))))
        ]
