"""The processes of a service, what waits for them, and the database itself, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portevoix.ports import Clock, DatabaseSight, Node, Queues, Replica, Role
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
        return [_node(row) for row in rows]

    async def queues(self) -> Queues:
        """Count what waits."""
        values = {"at": self._clock.now(), "webhooks": DELIVER, "mails": SEND_MAIL}
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["queues"], values)).fetchone()
        assert row is not None, "the statement always returns a row"
        return Queues(*row)

    async def database(self) -> DatabaseSight:
        """Look at the database."""
        async with self._database.connection() as connection:
            row = await (await connection.execute(SQL["database"])).fetchone()
            replicas = await (await connection.execute(SQL["replicas"])).fetchall()
        assert row is not None, "the statement always returns a row"
        version, size_bytes, connections, most = row
        return DatabaseSight(version, size_bytes, connections, most, [Replica(*one) for one in replicas])


def _node(row: tuple[Any, ...]) -> Node:
    number, name, started_at, lease_until, is_alive, under_way, role, *rest = row
    return Node(number, name, started_at, lease_until, is_alive, under_way, Role(role), *rest)
