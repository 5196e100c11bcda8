"""What a restored database may have forgotten, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portevoix.ports import Clock, Whereabouts
from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("restoring")

#: The route of an attempt on paper, as its call's timeline shows it.
ON_PAPER = "restored"

#: How many numbers of calls and nodes are left out: more than were ever given between two backups.
SKIPPED = 1_000_000_000


class PostgresRestoring:
    """The ``Restoring`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def look(self) -> Whereabouts:
        """Tell where the database stands, and note when it was first seen to have moved."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["look"], {"at": self._clock.now()})).fetchone()
        assert row is not None, "opening a house leaves a row there"
        return Whereabouts(*row)

    async def accept(self, here: str) -> bool:
        """Let calls be dialled where the database was seen to stand; tells whether that has changed something."""
        async with self._database.connection() as connection:
            rows = await connection.execute(SQL["accept"], {"here": here, "skipped": SKIPPED})
            return await rows.fetchone() is not None

    async def waiting(self, until: datetime) -> tuple[int, int]:
        """Count the calls that wait: those that were due by a moment of our clock, and those that are due later."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["waiting"], {"until": until})).fetchone()
        assert row is not None, "the statement always returns a row"
        return int(row[0]), int(row[1])

    async def doubt(self, node: int, until: datetime, most: int) -> Sequence[tuple[int, int]]:
        """Give calls that were due by a moment an attempt on paper; returns each one's number and attempt."""
        values = {"node": node, "until": until, "most": most, "route": ON_PAPER, "at": self._clock.now()}
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["doubt"], values)).fetchall()
        return [(call, attempt) for call, attempt in rows]
