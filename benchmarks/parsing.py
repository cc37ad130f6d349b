"""What importing a module adds to a process that has imported what every DAG does; prints JSON.

``python -m benchmarks.parsing MODULE``
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import airflow.sdk  # noqa: F401 - what every DAG imports anyhow
import psutil


def main() -> None:
    """Import the module, and tell the seconds of CPU and the bytes of memory that it took."""
    process = psutil.Process()
    held, spent = process.memory_info().rss, time.process_time()
    importlib.import_module(sys.argv[1])
    cpu, memory = time.process_time() - spent, process.memory_info().rss - held
    print(json.dumps({"cpu": cpu, "memory": memory}))


if __name__ == "__main__":
    main()
