"""Makes a hook from its path, so that a service's client is imported only by who speaks to the service."""

from __future__ import annotations

import contextlib
import gc
import pkgutil
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

# Reentrant: a kill comes in the middle of an import, in the same thread, and asks for the hook, too.
_importing = threading.RLock()


def load_hook(hook_class: str, hook_params: Mapping[str, Any], *, freeze: bool = False) -> Any:
    """Import a hook and make it; takes seconds the first time, and in a triggerer belongs in a thread.

    :param hook_class: dotted path, ``module:Class``.
    :param hook_params: its arguments.
    :param freeze: whether an import keeps all that is there by then out of later collections of garbage, in a
        process that lives long; of that, what others leave in cycles is kept for good, too.
    """
    # Two threads that import the clients at once meet modules half made.
    with _importing:
        is_loaded = hook_class.partition(":")[0] in sys.modules
        with contextlib.nullcontext() if is_loaded else _without_collections():
            made = pkgutil.resolve_name(hook_class)
        if freeze and not is_loaded:
            gc.freeze()
    return made(**hook_params)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    # A collection stops all threads, the event loop's too. The clients are some 200,000 objects: to go
    # through them takes a tenth of a second, several times during the import, and finds next to nothing.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
