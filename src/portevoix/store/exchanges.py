"""What callers of the API sent and were told, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portevoix.domain.exchange import KEPT, Body, Exchange, ExchangeNotFound, NewExchange
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("exchanges")

SWEPT_AT_ONCE = 5_000
LARGEST_ID = 2**63 - 1


class PostgresExchanges:
    """The ``Exchanges`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, exchanges: Sequence[NewExchange]) -> None:
        """Keep some, in one statement."""
        columns = {
            "accounts": [one.account_id for one in exchanges],
            "times": [one.at for one in exchanges],
            "methods": [one.method for one in exchanges],
            "paths": [one.path for one in exchanges],
            "statuses": [one.status for one in exchanges],
            "durations": [one.duration_us for one in exchanges],
            "sent": [one.sent.text for one in exchanges],
            "sent_bytes": [one.sent.size for one in exchanges],
            "told": [one.told.text for one in exchanges],
            "told_bytes": [one.told.size for one in exchanges],
            "skipped": [one.skipped for one in exchanges],
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["keep"], columns)

    async def newest(
        self, account_id: int, before: int | None, most: int, hundred: int | None = None
    ) -> Sequence[Exchange]:
        """Read an account's, the newest first, without their bodies."""
        values = {"account_id": account_id, "before": before, "most": most, "hundred": hundred}
        return [_exchange(row) for row in await self._rows("newest", values)]

    async def find(self, account_id: int, exchange: int) -> Exchange:
        """Read one with its bodies."""
        wanted = {"account_id": account_id, "exchange": exchange}
        rows = await self._rows("one", wanted) if 0 < exchange <= LARGEST_ID else []
        if not rows:
            raise ExchangeNotFound("there is no such request")
        return _exchange(rows[0])

    async def sweep(self) -> None:
        """Forget those that are old, some at a time: others wait for the same connection."""
        while len(await self._rows("sweep", {"most": SWEPT_AT_ONCE})) == SWEPT_AT_ONCE:
            pass

    async def _rows(self, query: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(SQL[query], {**values, "after": self._clock.now() - KEPT})
            return await cursor.fetchall()


def _exchange(row: tuple[Any, ...]) -> Exchange:
    number, at, method, path, status, duration_us, sent, sent_bytes, told, told_bytes, skipped = row
    sent, told = Body(sent, sent_bytes), Body(told, told_bytes)
    return Exchange(number, at, method, path, status, duration_us, sent, told, skipped)
