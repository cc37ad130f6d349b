"""Measure what the modules that a DAG imports add to a bare Airflow; prints JSON."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import time
from pathlib import Path

import airflow.sdk  # noqa: F401 - what every DAG imports anyhow

PAGE = os.sysconf("SC_PAGE_SIZE")
LAYERS = ("operators", "sensors", "triggers", "links")


def memory() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def names() -> list[str]:
    """Name every module that a DAG may import; needs the packages, not yet what is in them."""
    found = ["airflow_mljobs.provider_info"]
    for layer in LAYERS:
        if importlib.util.find_spec(f"airflow_mljobs.{layer}"):
            package = importlib.import_module(f"airflow_mljobs.{layer}")
            found += [each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return found


before, held, began = set(sys.modules), memory(), time.process_time()
modules = names()
for module in modules:
    importlib.import_module(module)
spent, grown = time.process_time() - began, memory() - held
added = sorted(set(sys.modules) - before)
print(json.dumps({"seconds": spent, "bytes": grown, "added": added, "imported": modules}))  # noqa: T201
