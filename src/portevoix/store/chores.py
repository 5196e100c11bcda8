"""What one process does for all, again and again, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from portevoix.ports import Chore, Clock
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("chores")


class PostgresChores:
    """The ``Chores`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def plan(self, every_s: Mapping[str, int]) -> None:
        """Keep chores that are new."""
        now = self._clock.now()
        due = [now + timedelta(seconds=wait_s) for wait_s in every_s.values()]
        async with self._database.connection() as connection:
            await connection.execute(SQL["plan"], {"names": list(every_s), "due": due})

    async def take(self, names: Sequence[str], taker: str, longest_s: int) -> tuple[str, datetime] | None:
        """Take a chore that is due."""
        at = self._clock.now()
        lost_at = at + timedelta(seconds=longest_s)
        values = {"names": list(names), "taker": taker, "at": at, "lost_at": lost_at}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["take"], values)).fetchone()
        return None if row is None else (row[0], at)

    async def end(self, name: str, taker: str, began_at: datetime, every_s: int, fault: str | None) -> None:
        """Write down that a chore was done."""
        at = self._clock.now()
        values = {
            "name": name,
            "taker": taker,
            "began_at": began_at,
            "at": at,
            "due_at": at + timedelta(seconds=every_s),
            "fault": fault,
        }
        async with self._database.connection() as connection:
            await connection.execute(SQL["end"], values)

    async def all(self) -> Sequence[Chore]:
        """Read the chores, by name."""
        async with self._database.connection() as connection:
            return [Chore(*row) for row in await (await connection.execute(SQL["chores"])).fetchall()]
