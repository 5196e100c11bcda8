"""The rows of a send, written again by COPY into copies of their tables: as many columns, indexes and checks."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_HOLDS = "(SELECT hold_id FROM call WHERE campaign_id = {campaign})"

#: The rows that a campaign brought with it, by table.
_ROWS = {
    "hold": f"id IN {_HOLDS}",
    "draw": f"hold_id IN {_HOLDS}",
    "transfer": f"hold_id IN {_HOLDS}",
    "campaign": "id = {campaign}",
    "call": "campaign_id = {campaign}",
}

#: What is another send's in each copy: numbers, and texts of which a part is put in.
_NUMBERS = frozenset({"id", "hold_id", "campaign_id"})
_TEXTS = frozenset({"public_id", "idempotency_key"})
_STRIDE = 1_000_000


class Piece(NamedTuple):
    """The rows of one table, and the statement that takes them."""

    statement: bytes
    rows: bytes


class Copies:
    """Makes the rows of the last send again and again, each time as another send's.

    Args:
        connection: in autocommit, on the database that has the send.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._made = 0
        ((self._campaign,),) = connection.execute("SELECT max(id) FROM campaign").fetchall()
        self._columns: dict[str, list[str]] = {}
        for table in _ROWS:
            connection.execute(f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)".encode())
            described = connection.execute(f"SELECT * FROM {table} LIMIT 0".encode()).description
            assert described is not None, "a query has columns"
            self._columns[table] = [column.name for column in described]

    def make(self) -> list[Piece]:
        """Make the rows of one more send, as COPY takes them."""
        self._made += 1
        return [self._piece(table, columns) for table, columns in self._columns.items()]

    def _piece(self, table: str, columns: list[str]) -> Piece:
        values = ", ".join(map(self._value, columns))
        where = _ROWS[table].format(campaign=self._campaign)
        read = f"COPY (SELECT {values} FROM {table} WHERE {where} ORDER BY 1) TO STDOUT"
        with self._connection.cursor().copy(read.encode()) as copy:
            rows = b"".join(bytes(part) for part in copy)
        return Piece(f"COPY copied_{table} ({', '.join(columns)}) FROM STDIN".encode(), rows)

    def _value(self, column: str) -> str:
        if column in _NUMBERS:
            return f"{column} + {self._made * _STRIDE}"
        if column in _TEXTS:
            return f"overlay({column} placing '{self._made:08}' from 1)"
        return column


def write(connection: Connection, send: list[Piece]) -> None:
    """Write the rows of one send in one transaction, and commit it."""
    with connection.transaction(), connection.cursor() as cursor:
        for piece in send:
            with cursor.copy(piece.statement) as copy:
                copy.write(piece.rows)
