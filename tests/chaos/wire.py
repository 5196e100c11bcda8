"""The wire between one node and PostgreSQL, which can be cut, held, and cut in the middle of an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote, urlsplit

CHUNK_BYTES = 65_536


class Wire:
    """A relay from a TCP port to PostgreSQL's socket, as a context manager.

    Args:
        there: PostgreSQL's socket.
        host: the address to listen on.
    """

    def __init__(self, there: Path, host: str = "127.0.0.1") -> None:
        self._there = there
        self._host = host
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed: set[asyncio.StreamWriter] = set()
        self._bytes_left: int | None = None
        self.port = 0

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._relay, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, url: str) -> str:
        """Lead a PostgreSQL's URL over this wire."""
        parts = urlsplit(url)
        user = f"{quote(parts.username or '')}:{quote(parts.password or '')}"
        return f"postgresql://{user}@{self._host}:{self.port}{parts.path}?sslmode=disable"

    def cut(self) -> None:
        """Break all connections; new ones can be made."""
        for writer in list(self._open):
            writer.transport.abort()

    def cut_after(self, count: int) -> None:
        """Break the connection that carries so many bytes of answers from now on: what was asked may have been done."""
        self._bytes_left = count

    def close_answers(self) -> None:
        """Close what leads from PostgreSQL to the node, while what leads there stays open."""
        for writer in list(self._open):
            if writer not in self._closed and not writer.is_closing():
                self._closed.add(writer)
                writer.write_eof()

    def hold(self) -> None:
        """Let nothing through, either way, though all seems connected."""
        self._flows.clear()

    def let_go(self) -> None:
        """Let through what was held, and all else."""
        self._flows.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # PostgreSQL is away, or all is over
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        far_reader, far_writer = await asyncio.open_unix_connection(self._there)
        self._open.add(writer)
        try:
            await asyncio.gather(
                self._copy(reader, far_writer, is_answer=False), self._copy(far_reader, writer, is_answer=True)
            )
        finally:
            self._open.discard(writer)
            self._closed.discard(writer)
            far_writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._flows.wait()
            if is_answer and self._bytes_left is not None:
                self._bytes_left -= len(data)
                if self._bytes_left < 0:
                    self._bytes_left = None
                    raise ConnectionAbortedError
            if writer not in self._closed:
                writer.write(data)
                await writer.drain()
        if not is_answer:
            raise ConnectionAbortedError  # the node has left, and takes no answer any more
        writer.transport.abort()
