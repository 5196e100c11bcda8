"""Rate limits that several processes share, in an unlogged table."""

from __future__ import annotations

from portevoix.domain.limit import Allowance, Limit, admitted, refused
from portevoix.ports import Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("limits")


class SharedLimits:
    """The ``Limits`` port for several processes on one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, caller: str, limit: Limit) -> Allowance:
        """Count one request of a caller, in every process."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        values = {"key": caller, "now": now_us, "interval": limit.interval_us, "burst": limit.burst_us}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["count"], values)).fetchone()
            if row is not None:
                return admitted(limit, row[0], now_us)
            row = await (await connection.execute(SQL["arrival"], {"key": caller})).fetchone()
        return refused(limit, row[0] if row else now_us, now_us)

    async def forget(self) -> None:
        """Drop callers whose allowance is whole again."""
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        async with self._database.connection() as connection:
            await connection.execute(SQL["forget"], {"now": now_us})
