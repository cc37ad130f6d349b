"""Makes a hook from its path, so that a service's client is imported only by who speaks to the service."""

from __future__ import annotations

import contextlib
import gc
import pkgutil
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

_importing = threading.Lock()


def load_hook(hook_class: str, hook_params: Mapping[str, Any]) -> Any:
    """Import a hook and make it; takes seconds the first time, and in a triggerer belongs in a thread.

    :param hook_class: dotted path, ``module:Class``.
    :param hook_params: its arguments.
    """
    # Two threads that import the clients at once meet modules half made.
    with _importing:
        is_loaded = hook_class.partition(":")[0] in sys.modules
        with contextlib.nullcontext() if is_loaded else _for_good():
            made = pkgutil.resolve_name(hook_class)
        return made(**hook_params)


@contextlib.contextmanager
def _for_good() -> Iterator[None]:
    # A collection of garbage stops all threads, the event loop's too. The clients are some 200,000 objects:
    # to go through them takes a tenth of a second, several times while they are imported and ever again
    # after, and finds nothing, since what is imported stays.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
