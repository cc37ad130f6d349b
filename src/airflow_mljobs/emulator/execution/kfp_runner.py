"""Runs one compiled pipeline through kfp.local and tells what becomes of its tasks.

A script for kfp's own interpreter, which has kfp and not this package: it imports nothing of ours. Its only
argument is the file with the request; each line it writes to the descriptor named by `MLJOBS_NEWS_FD` is one
event.
"""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import sysconfig
import threading
import venv
from collections import deque
from pathlib import Path
from typing import Any

LAST_LINES = 8
ERROR_BYTES = 1500
TRACEBACK = "Traceback (most recent call last):"
# What kfp's executor says of itself would push a component's own last words out of sight.
EXECUTOR_RECORD = re.compile(r"^\[KFP Executor .*\n(?:\{\n(?:[ }].*\n)*?\}\n)?", re.MULTILINE)


class News:
    """Tells the engine, one JSON line an event."""

    def __init__(self) -> None:
        descriptor = int(os.environ.pop("MLJOBS_NEWS_FD"))
        # A component that stays behind must not keep the pipe open.
        os.set_inheritable(descriptor, False)
        self._pipe = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def tell(self, **event: object) -> None:
        """Write one event, whole."""
        with self._lock:
            self._pipe.write(json.dumps(event) + "\n")


class Watch:
    """Stands around kfp.local's handling of a task.

    kfp.local says what became of a task only in coloured log records, and of its exception nothing but what
    the component printed. Both functions wrapped here are the single way to their purpose in the pinned
    version, with the task's own name and status as values; parsing records for humans would be frailer.
    """

    def __init__(self, *, news: News) -> None:
        self._news = news
        self._names: dict[str, int] = {}
        self._lock = threading.Lock()
        self._output = threading.local()
        self.failed = False

    def install(self) -> None:
        """Replace the two functions in kfp's modules."""
        from kfp.local import subprocess_task_handler
        from kfp.local.orchestrator import task_executor

        task_executor.execute_single_task = functools.partial(self.task, task_executor.execute_single_task)
        subprocess_task_handler.run_local_subprocess = self.component

    def task(self, execute: Any, **task: Any) -> Any:
        """Execute a task of the pipeline, retries included, and tell how it went."""
        from kfp.local import status

        name = self._unique(task["task_name"])
        self._output.lines = deque(maxlen=200)
        self._news.tell(task=name, phase="running")
        try:
            outputs, outcome = execute(**task)
        except Exception as error:
            self._fail(name, f"{type(error).__name__}: {error}")
            raise
        if outcome == status.Status.SUCCESS:
            self._news.tell(task=name, phase="succeeded")
        else:
            self._fail(name, reason(list(self._output.lines)))
        return outputs, outcome

    def component(self, full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        """Run one attempt of a component, printing its output and remembering the end of it."""
        self._output.lines.clear()
        with subprocess.Popen(
            full_command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | (env_vars or {}),
        ) as process:
            for line in process.stdout or ():
                sys.stdout.write(line)
                self._output.lines.append(line.rstrip())
        return process.returncode

    def _fail(self, name: str, error: str) -> None:
        self.failed = True
        self._news.tell(task=name, phase="failed", error=error)

    def _unique(self, name: str) -> str:
        # A loop runs the same task again, and again at the same time.
        with self._lock:
            count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}-{count}"


def reason(lines: list[str]) -> str:
    """Return the exception that ended a component, and the last lines of its own output."""
    own = EXECUTOR_RECORD.sub("", "\n".join((*lines, ""))).splitlines()
    last = "\n".join([line for line in own if line.strip()][-LAST_LINES:])
    text = last or "The component failed and printed nothing."
    if TRACEBACK in own:
        start = len(own) - own[::-1].index(TRACEBACK)
        exceptions = [line for line in own[start:] if re.match(r"[\w.]+(: |$)", line)]
        if exceptions:
            text = f"{exceptions[0]}\nLast output:\n{last}"
    return text.encode()[:ERROR_BYTES].decode(errors="ignore")


def overlay() -> str:
    """Return the interpreter of an environment of this run's own, on top of kfp's.

    Components install packages, and often another version of kfp, into the interpreter that runs them; the
    shared environment has to stay as it is.
    """
    folder = Path("venv").resolve()
    venv.create(folder, symlinks=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    shared = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    lines = "\n".join(f"import site; site.addsitedir({path!r})" for path in sorted(shared))
    (site / "kfp.pth").write_text(lines + "\n", encoding="utf-8")
    return str(folder / "bin" / "python")


def typed(arguments: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with whole numbers whole: JSON by way of protobuf knows doubles only."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    whole = {name for name, kind in declared.items() if kind.get("parameterType") == "NUMBER_INTEGER"}
    return {name: int(value) if name in whole else value for name, value in arguments.items()}


def main(request_file: str) -> int:
    """Run the pipeline; a status other than 0 unless every task that ran succeeded."""
    from kfp import components, local

    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    news = News()
    watch = Watch(news=news)
    watch.install()
    news.tell(pipeline="running")
    # kfp.local runs components with the interpreter that it takes for its own.
    sys.executable = overlay()
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=request["pipeline_root"],
        workspace_root="workspace",
        raise_on_error=True,
    )
    spec = request["spec"]
    pipeline = components.load_component_from_text(json.dumps(spec))
    pipeline(**typed(request["arguments"], spec))
    return int(watch.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
