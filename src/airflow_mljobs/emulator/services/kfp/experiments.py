"""Experiments: what runs belong to, and what gives them their namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mljobs.emulator.errors import invalid
from airflow_mljobs.emulator.services.kfp import documents
from airflow_mljobs.emulator.services.kfp.documents import Document, Documents
from airflow_mljobs.emulator.services.kfp.listing import Page, answer
from airflow_mljobs.emulator.store import Condition

if TYPE_CHECKING:
    from airflow_mljobs.emulator.clock import Clock
    from airflow_mljobs.emulator.http import Ask
    from airflow_mljobs.emulator.services.kfp.server import KfpServer
    from airflow_mljobs.emulator.store import Store

DEFAULT = "Default"
AVAILABLE, ARCHIVED = "AVAILABLE", "ARCHIVED"
_COLUMNS = documents.columns("id", "experiment_id", content=("description", "storage_state"))
_NOUN = "experiments"


class Experiments:
    """Keeps the experiments of all namespaces; a server for one user has a single, nameless one."""

    def __init__(self, *, store: Store, clock: Clock, server: KfpServer) -> None:
        self._shelf = Documents(store, clock, "Experiment")
        self._server = server

    def create(self, ask: Ask, *, name: str, description: str, namespace: str) -> Document:
        """Create an experiment, whose name must be new."""
        multi_user = self._server.settings.multi_user
        if not name:
            msg = "Invalid input error: Experiment name is empty. Please specify a valid experiment name"
            raise invalid(msg)
        if multi_user and not namespace:
            msg = "Invalid input error: Namespace can't be empty in multi-user mode"
            raise invalid(msg)
        space = namespace if multi_user else ""
        self._server.authorize(ask, space, "create", _NOUN)
        return self._create(name, space, description)

    def get(self, ask: Ask, experiment_id: str, verb: str = "get") -> Document:
        """Find an experiment for a user."""
        experiment = self._shelf.get(experiment_id)
        self._server.authorize(ask, experiment.parent, verb, _NOUN)
        return experiment

    def of_run(self, experiment_id: str) -> Document:
        """Find what a new run belongs to; alone on the server one may leave it to the server."""
        if experiment_id:
            return self._shelf.get(experiment_id)
        if self._server.settings.multi_user:
            msg = "Failed to create a run: Invalid input error: Experiment id can not be empty"
            raise invalid(msg)
        return self._shelf.named(DEFAULT, "") or self._create(DEFAULT, "", "Created by the server.")

    def add_run(self, experiment: Document, created: int) -> None:
        """Note when an experiment got its latest run, in microseconds since the epoch."""
        self._shelf.change(experiment, last_run_created=created)

    def namespace_of(self, experiment_id: str) -> str:
        """Tell where the runs of an experiment are."""
        return self._shelf.get(experiment_id).parent

    def is_archived(self, experiment_id: str) -> bool:
        """Tell whether an experiment, if it is still there, is archived."""
        found = self._shelf.find(Condition(sql="id = ?", parameters=(experiment_id,)))
        return bool(found) and found[0].content["storage_state"] == ARCHIVED

    def list(self, ask: Ask, api: str, namespace: str) -> Page[Document]:
        """Give a page of experiments."""
        space = confined(ask, self._server, namespace, _NOUN)
        within = Condition(sql="(parent = ?)", parameters=(space,))
        return answer(self._shelf, ask, api=api, within=within, columns=_COLUMNS)

    def archive(self, ask: Ask, experiment_id: str) -> None:
        """Put an experiment away."""
        self._shelf.change(self.get(ask, experiment_id, "archive"), storage_state=ARCHIVED)

    def unarchive(self, ask: Ask, experiment_id: str) -> None:
        """Fetch an experiment back, without the runs that went with it."""
        self._shelf.change(self.get(ask, experiment_id, "unarchive"), storage_state=AVAILABLE)

    def delete(self, ask: Ask, experiment_id: str) -> None:
        """Forget an experiment; its runs stay."""
        self._shelf.remove(self.get(ask, experiment_id, "delete"))

    def _create(self, name: str, namespace: str, description: str) -> Document:
        content = {"description": description, "storage_state": AVAILABLE}
        return self._shelf.create(name=name, parent=namespace, content=content)


def confined(ask: Ask, server: KfpServer, namespace: str, noun: str) -> str:
    """Settle which namespace a list is about, and that the user may see it."""
    if server.settings.multi_user:
        if not namespace:
            msg = f"Invalid input error: namespace is required to list {noun} in multi-user mode"
            raise invalid(msg)
        server.authorize(ask, namespace, "list", noun)
        return namespace
    if namespace and not server.release.has_v2:
        msg = f"Invalid input error: In single-user mode, {noun} cannot be filtered by namespace."
        raise invalid(msg)
    return ""
