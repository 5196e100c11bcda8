"""A small HTTP server beside a process's other work: its health and its figures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.types import ASGIApp

LOOK_AGAIN_S = 0.01


@asynccontextmanager
async def answering(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    """Answer requests in this process beside a block, from its beginning."""
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_level=LogLevels.error,
    )
    serving = asyncio.create_task(server.serve())
    try:
        await _listens(serving, host, port)
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.gather(serving, return_exceptions=True)


async def _listens(serving: asyncio.Task[None], host: str, port: int) -> None:
    """Wait until a server takes connections: it does not say when."""
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            await asyncio.sleep(LOOK_AGAIN_S)
        else:
            writer.close()
            return
