"""LISTEN and NOTIFY: one connection a process hears for all who listen in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import psycopg
import structlog

from portevoix.store.database import PATIENCE, WholeConnection

CHANNELS = ("calls", "clock", "events")
AGAIN_S = 1.0

#: What one listener keeps unheard at most; beyond it, it is told that it may have missed something.
MOST_KEPT = 10_000

log = structlog.get_logger(__name__)


class Heard:
    """The ``Subscription`` port."""

    def __init__(self) -> None:
        self._news: list[str] = []
        self._event = asyncio.Event()

    def tell(self, payload: str | None) -> None:
        """Hear something; ``None``: something may have been missed."""
        if payload is not None and len(self._news) < MOST_KEPT:
            self._news.append(payload)
        self._event.set()

    async def heard(self, timeout_s: float | None = None) -> Sequence[str]:
        """Wait for news."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        self._event.clear()
        news, self._news = self._news, []
        return news


class PostgresSignals:
    """The ``Signals`` port.

    Args:
        url: a connection string; a pooler in transaction mode cannot carry this connection.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._heard: dict[str, set[Heard]] = {channel: set() for channel in CHANNELS}

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[Heard]:
        """Listen to a channel."""
        heard = Heard()
        self._heard[channel].add(heard)
        try:
            yield heard
        finally:
            self._heard[channel].discard(heard)

    async def listen(self, on_ready: asyncio.Event | None = None) -> None:
        """Hear until cancelled; a lost connection is made again, and everybody told that something may be missed."""
        while True:
            try:
                await self._listen(on_ready)
            except psycopg.Error as fault:
                log.warning("listening_failed", error=str(fault).splitlines()[0] if str(fault) else repr(fault))
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, on_ready: asyncio.Event | None) -> None:
        async with await WholeConnection.connect(self._url, autocommit=True, **PATIENCE) as connection:
            for channel in CHANNELS:
                await connection.execute(f"LISTEN portevoix_{channel}".encode())
            self._tell_all()
            if on_ready is not None:
                on_ready.set()
            async for notice in connection.notifies():
                for heard in self._heard[notice.channel.removeprefix("portevoix_")]:
                    heard.tell(notice.payload)

    def _tell_all(self) -> None:
        for listeners in self._heard.values():
            for heard in listeners:
                heard.tell(None)
