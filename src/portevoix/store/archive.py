"""The archive in PostgreSQL: tables of what is over, in partitions of months."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from psycopg.errors import LockNotAvailable

from portevoix.domain.archive import Exported, Month, Moved, Over
from portevoix.domain.errors import Busy
from portevoix.ports import Clock
from portevoix.store.database import Connection, Database
from portevoix.store.export import write_month
from portevoix.store.sql import queries

SQL = queries("archive")

#: How often it is tried to erase a month while others read, and the pause between, in seconds.
TRIES = 60
PAUSE_S = 0.5

#: Events that are looked at in one transaction.
EVENTS_AT_ONCE = 5_000


class PostgresArchive:
    """The ``Archive`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def due(self, before: Month) -> Sequence[tuple[Month, int, int]]:
        """Count what would move."""
        async with self._at_leisure() as connection:
            rows = await _rows(connection, "due", {"before": before.begins_at})
        return [(Month(month), messages, calls) for month, messages, calls in rows]

    async def over(self, before: Month, after: Over | None, most: int) -> Sequence[Over]:
        """Find campaigns that were over before a month."""
        after_at, after_id = after or ("-infinity", 0)
        values = {"before": before.begins_at, "after_at": after_at, "after_id": after_id, "most": most}
        async with self._database.connection() as connection:
            return [Over(*row) for row in await _rows(connection, "over", values)]

    async def make(self, month: Month) -> None:
        """Make a month's partitions."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["make_month"], {"month": month.first, "at": self._clock.now()})

    async def move_calls(self, month: Month, campaigns: Sequence[int], most: int) -> Moved:
        """Move calls with their attempts and money."""
        (row,) = await self._move("move_calls", month, campaigns, most)
        calls, attempts, holds, draws, transfers = row
        return Moved(calls=calls, attempts=attempts, holds=holds, draws=draws, transfers=transfers)

    async def move_webhooks(self, month: Month, campaigns: Sequence[int], most: int) -> Moved:
        """Move webhooks with the log of their tries."""
        ((webhooks,),) = await self._move("move_webhooks", month, campaigns, most)
        return Moved(webhooks=webhooks)

    async def close(self, campaigns: Sequence[int]) -> Moved:
        """Note which campaigns are archived whole."""
        values = {"campaigns": list(campaigns), "at": self._clock.now()}
        async with self._database.connection() as connection:
            return Moved(messages=(await connection.execute(SQL["close"], values)).rowcount)

    async def months(self) -> Sequence[Month]:
        """Read which months there are."""
        async with self._database.connection() as connection:
            return [Month(first) for (first,) in await _rows(connection, "months", {})]

    async def with_calls(self, before: Month) -> Sequence[Month]:
        """Read which months have calls to erase."""
        async with self._database.connection() as connection:
            return [Month(first) for (first,) in await _rows(connection, "with_calls", {"before": before.first})]

    async def not_archived(self, before: Month) -> int:
        """Count campaigns that were over before a month and have something left to archive."""
        async with self._database.connection() as connection:
            ((count,),) = await _rows(connection, "not_archived", {"before": before.begins_at})
        return int(count)

    async def export(self, month: Month, folder: Path) -> Exported:
        """Write a month to files, as of one moment."""
        async with self._at_leisure() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await connection.execute(SQL["keep_calls"])
            if await _rows(connection, "export_alone", {}) != [(True,)]:
                raise Busy("another export is under way: it may be tried again")
            return await write_month(connection, month, folder)

    async def erase_calls(self, month: Month) -> None:
        """Drop a month's calls, attempts and webhooks, without holding up whoever reads."""
        values = {"month": month.first, "at": self._clock.now()}
        for _ in range(TRIES):
            try:
                async with self._at_leisure() as connection:
                    await connection.execute(SQL["impatient"])
                    await connection.execute(SQL["erase_calls"], values)
            except Busy as busy:
                if not isinstance(busy.__cause__, LockNotAvailable):
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                return
        raise Busy(f"others read the calls of {month} all the time: it may be tried again")

    async def cover_events(self, before: Month) -> int:
        """Take people's numbers out of what is told of calls that ended before a month."""
        covered, after = 0, 0
        while True:
            values = {"before": before.begins_at, "after": after, "most": EVENTS_AT_ONCE}
            async with self._database.connection() as connection:
                ((last, count),) = await _rows(connection, "cover_events", values)
            if last is None:
                return covered
            covered, after = covered + count, last

    async def _move(self, query: str, month: Month, campaigns: Sequence[int], most: int) -> list[tuple[Any, ...]]:
        async with self._database.transaction() as connection:
            await connection.execute(SQL["move_to"], {"month": month.first})
            return await _rows(connection, query, {"month": month.first, "campaigns": list(campaigns), "most": most})

    @asynccontextmanager
    async def _at_leisure(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction whose statements may take their time."""
        async with self._database.transaction() as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield connection


async def _rows(connection: Connection, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return await (await connection.execute(SQL[query], values)).fetchall()
