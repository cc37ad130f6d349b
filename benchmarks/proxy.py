"""A proxy that leads one host's HTTPS port to a server of this machine, and counts what passes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 1 << 16
BACKLOG = 4096
"""Connections that may wait: a client that opens one for every request opens thousands at once."""


@dataclass(kw_only=True)
class Tunnel:
    """Answers ``CONNECT`` for one address; any other is refused, so that nothing leaves this machine.

    :param host: the address to answer for, ``host:port``.
    :param target: port of this machine to which its connections are led.
    """

    host: str
    target: int
    connections: int = 0
    received: int = 0
    """Bytes that came from the server, TLS and HTTP/2 included."""
    port: int = 0
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator[Tunnel]:
        """Serve in a thread, on a free port of the loopback interface."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="tunnel", daemon=True)
        thread.start()
        try:
            server = asyncio.run_coroutine_threadsafe(self._listen(), loop).result()
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(self._close(server), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=BACKLOG)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for writer in self._open.values():
            writer.transport.abort()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            del self._open[task]
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split()[:2] != [b"CONNECT", self.host.encode()]:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        self.connections += 1
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, to_server))
                both.create_task(self._copy(from_server, writer, counted=True))
        except* ConnectionError:
            # Either side may go away without a word.
            pass
        finally:
            to_server.close()

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool = False
    ) -> None:
        while chunk := await source.read(CHUNK):
            if counted:
                self.received += len(chunk)
            sink.write(chunk)
            await sink.drain()
        sink.close()
