"""A server that answers what it is told to, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from airflow_mljobs.hooks.kfp import KFPRunHook

Connect = Callable[..., KFPRunHook]


@dataclass(kw_only=True)
class Answer:
    """What is sent back, after so many seconds."""

    status: int = 200
    body: str = "{}"
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(kw_only=True)
class Witness:
    """Gives one answer after the other, the last one for ever."""

    url: str
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    def next(self) -> Answer:
        """Return the answer that it is the turn of."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def shown(self, header: str) -> list[str | None]:
        """Return what each request brought under this header."""
        return [headers.get(header) for _, _, headers in self.seen]


@contextmanager
def witness(tls: ssl.SSLContext | None = None) -> Iterator[Witness]:
    """Run a witness on a free port, behind TLS when asked to."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            found.bodies.append(self.rfile.read(length).decode())
            found.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            given = found.next()
            time.sleep(given.delay)
            content = given.body.encode()
            self.send_response(given.status)
            for name, value in {"Content-Type": given.kind, **given.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # a client may lose its patience
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    found = Witness(url=f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(status: int, message: str, code: int) -> Answer:
    """Answer as the API server refuses."""
    body = json.dumps({"code": code, "message": message, "details": []})
    return Answer(status=status, body=body, headers={"Set-Cookie": "session=leaked-cookie"})
