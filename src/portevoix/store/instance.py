"""What ties a database to the secrets of the nodes that use it, and to the cluster that it is on."""

from __future__ import annotations

import hashlib

from portevoix.store.database import Database
from portevoix.store.sql import queries

SQL = queries("instance")


class PepperMismatch(Exception):
    """This node's pepper is not the one with which the database's keys were digested."""


async def agree_on_pepper(database: Database, pepper: bytes) -> None:
    """Leave the pepper's fingerprint in a new database, or check it against the one left there.

    Raises:
        PepperMismatch: every API key would be unknown with this pepper.
    """
    fingerprint = hashlib.sha256(b"portevoix pepper\0" + pepper).digest()
    async with database.connection() as connection:
        row = await (await connection.execute(SQL["agree"], {"fingerprint": fingerprint})).fetchone()
    if row is None or row[0] != fingerprint:
        raise PepperMismatch(
            "the API keys of this database were made with another pepper: "
            "set PORTEVOIX_KEY_PEPPER to the same value on every node"
        )


async def count_events_anew(database: Database) -> None:
    """Give events that were restored on another cluster their place in its order of transactions."""
    async with database.connection() as connection:
        await connection.execute(SQL["count_events_anew"])
