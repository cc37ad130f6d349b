"""Servers of ours: started in the background, waited for, and ended with all that they started."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TypeVar

import psutil

T = TypeVar("T")

STOP_WITHIN = 5.0
"""Seconds that the servers and what they started get to end by themselves; nothing of it is kept."""

MARK = "MLJOBS_STACK"
"""The variable that every process of a stack inherits, however far from its server it has strayed."""


_interrupted = threading.Event()


def heed_interrupts() -> None:
    """Make a SIGTERM the same as a Ctrl-C, and both impossible to miss, so that everything is ended."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _interrupted.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


class StackError(RuntimeError):
    """Something did not come up, or did not come about in time; says where to read why."""


def wait_until(look: Callable[[], T | None], *, within: float, what: str, every: float = 0.25) -> T:
    """Return the first answer that is not empty.

    :raises StackError: when there is none in time.
    """
    until = time.monotonic() + within
    while True:
        answer = look()
        # One that was raised in a callback of the interpreter's, a finaliser perhaps, was printed and lost.
        if _interrupted.is_set():
            raise KeyboardInterrupt
        if answer:
            return answer
        if time.monotonic() > until:
            raise StackError(f"{what} did not happen within {within:.0f} s")
        time.sleep(every)


def free_port() -> int:
    """Return a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Server:
    """One server process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise when the process has ended.

        :raises StackError: with its last words.
        """
        if (status := self.process.poll()) is not None:
            words = self.log.read_text(errors="replace")[-2000:]
            raise StackError(f"{self.name} ended with status {status}; its last words:\n{words}")

    def family(self) -> list[psutil.Process]:
        """Return its process, and those that came of it."""
        with suppress(psutil.NoSuchProcess):
            head = psutil.Process(self.process.pid)
            return [head, *head.children(recursive=True)]
        return []

    def interrupt(self) -> None:
        """Ask it to end, as a Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)


@dataclass(kw_only=True)
class Servers:
    """The servers of one stack, and every process that came of them."""

    running: list[Server] = field(default_factory=list)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(
        self, name: str, argv: list[str], *, env: Mapping[str, str], log: Path, user: str | None = None
    ) -> Server:
        """Start one in a process group of its own, so that a Ctrl-C is ours to pass on.

        :param user: whom it runs as, when not as whoever asks.
        """
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv,
                env={**env, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                # A parent that ignores SIGINT, as a shell's background job does, hands that down.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        server = Server(name=name, process=process, log=log)
        self.running.append(server)
        return server

    def processes(self) -> set[psutil.Process]:
        """Return every process that the servers started, directly or not, and that has not ended."""
        found = set()
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get(MARK) == self._mark:
                # The emulator's jobs inherit nothing, as on the real service, but have a parent.
                with suppress(psutil.NoSuchProcess):
                    found |= {process, *process.children(recursive=True)}
        return found

    def named(self, name: str) -> list[Server]:
        """Return the servers of this name."""
        return [server for server in self.running if server.name == name]

    def check(self) -> None:
        """Raise when one of them has ended by itself.

        :raises StackError: with its last words.
        """
        for server in self.running:
            server.check()

    def kill(self, server: Server) -> None:
        """End a server that moment, with what it started, and forget it."""
        kill(server.family())
        server.process.wait()
        self.running.remove(server)

    def stop(self) -> None:
        """End them all, and whatever they left behind."""
        # A second Ctrl-C must not leave half of it running.
        heard = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        for server in self.running:
            server.interrupt()
        psutil.wait_procs(self.processes(), timeout=STOP_WITHIN)
        # What is killed may have been starting another that moment.
        while left := self.processes():
            kill(left)
            psutil.wait_procs(left, timeout=1)
        for server in self.running:
            server.process.wait()
        for number, handler in heard.items():
            signal.signal(number, handler)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Send each a SIGKILL; one that is gone is fine."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
