"""The processes that dial and what waits for them, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from portevoix.ports import Clock, Node, Queues
from portevoix.store.database import Database
from portevoix.store.jobs import DELIVER, SEND_MAIL
from portevoix.store.sql import queries

SQL = queries("nodes")


class PostgresNodes:
    """The ``Nodes`` port."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> Sequence[Node]:
        """Read the nodes, the newest first."""
        async with self._database.connection() as connection:
            rows = await (await connection.execute(SQL["nodes"], {"at": self._clock.now()})).fetchall()
        return [Node(*row) for row in rows]

    async def queues(self) -> Queues:
        """Count what waits."""
        values = {"at": self._clock.now(), "webhooks": DELIVER, "mails": SEND_MAIL}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["queues"], values)).fetchone()
        assert row is not None, "the statement always returns a row"
        return Queues(*row)
