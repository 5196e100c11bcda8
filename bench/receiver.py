"""A receiver of webhooks in a process of its own, which answers each at once over kept connections."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE_S = 60

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@contextmanager
def receiving() -> Iterator[str]:
    """Give the URL of a receiver."""
    fresh = multiprocessing.get_context("spawn")
    near, far = fresh.Pipe()
    process = fresh.Process(target=_live, args=(far,), daemon=True)
    process.start()
    try:
        if not near.poll(PATIENCE_S):
            raise RuntimeError("the receiver does not start")
        yield f"http://127.0.0.1:{near.recv()}/hook"
    finally:
        near.send(None)
        process.join(PATIENCE_S)


def _live(line: Connection) -> None:
    uvloop.run(_receive(line))


async def _receive(line: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(_Exchange, "127.0.0.1", 0)
    line.send(server.sockets[0].getsockname()[1])
    await asyncio.to_thread(line.recv)


class _Exchange(asyncio.Protocol):
    """One connection: a request is answered when all of it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so
        self._came = b""

    def data_received(self, data: bytes) -> None:
        self._came += data
        while (size := _whole(self._came)) is not None:
            self._came = self._came[size:]
            self._transport.write(ANSWER)


def _whole(came: bytes) -> int | None:
    """Tell how long the first request is; ``None`` where some of it is still to come."""
    head, end, body = came.partition(_END)
    _, _, length = head.lower().partition(_LENGTH)
    size = int(length.partition(b"\r\n")[0] or 0)
    return len(head) + len(end) + size if end and len(body) >= size else None
