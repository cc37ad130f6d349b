"""Hooks are made from their paths, and what is imported for them is not gone through for garbage."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_mljobs.loading import load_hook

HOOK = """
import gc

COLLECTS = gc.isenabled()


class Hook:
    def __init__(self, *, place="here"):
        self.place = place
        self.collects = COLLECTS
"""


KILLED = """
import signal

signal.raise_signal(signal.SIGTERM)


class Hook:
    pass
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module with a hook that nobody has imported yet."""
    name = f"hook_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(HOOK)
    monkeypatch.syspath_prepend(tmp_path)
    gc.unfreeze()
    yield name
    gc.enable()
    gc.unfreeze()


def test_a_hook_is_made_from_its_path(module: str) -> None:
    """The class at a path is called with the arguments."""
    hook = load_hook(f"{module}:Hook", {"place": "there"})

    assert vars(hook)["place"] == "there"


def test_imports_are_not_gone_through(module: str) -> None:
    """While a hook's module is imported no garbage is collected, and later none is looked for in it."""
    hook = load_hook(f"{module}:Hook", {}, freeze=True)

    assert not vars(hook)["collects"]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_nothing_is_frozen_for_others(module: str) -> None:
    """A process that did not ask for it keeps nothing from being collected."""
    load_hook(f"{module}:Hook", {})

    assert gc.get_freeze_count() == 0


def test_only_an_import_freezes(module: str) -> None:
    """A hook whose module is there keeps nothing from being collected that others have made since."""
    load_hook(f"{module}:Hook", {}, freeze=True)
    gc.unfreeze()

    load_hook(f"{module}:Hook", {}, freeze=True)

    assert gc.get_freeze_count() == 0


def test_who_collects_by_himself_still_does(module: str) -> None:
    """Where collections were off before, they stay off."""
    gc.disable()

    load_hook(f"{module}:Hook", {})

    assert not gc.isenabled()


def test_a_failed_import_leaves_collections_on(module: str) -> None:
    """After a hook that is not there garbage is collected as before, and looked for everywhere."""
    with pytest.raises(ModuleNotFoundError):
        load_hook(f"{module}_elsewhere:Hook", {}, freeze=True)

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


@pytest.mark.timeout(20)
def test_a_kill_during_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill that asks for a hook which is being imported is refused at once, and the import goes on."""
    (tmp_path / "killed_hook.py").write_text(KILLED)
    monkeypatch.syspath_prepend(tmp_path)
    refused: list[BaseException] = []

    def kill(*_: object) -> None:
        try:
            load_hook("killed_hook:Hook", {})
        except AttributeError as error:
            refused.append(error)

    before = signal.signal(signal.SIGTERM, kill)
    try:
        hook = load_hook("killed_hook:Hook", {})
    finally:
        signal.signal(signal.SIGTERM, before)

    assert type(hook).__name__ == "Hook"
    assert len(refused) == 1
    assert gc.isenabled()
