"""Migrations: plain SQL, numbered, applied once each under a lock that all nodes share.

They are applied while nodes of the version before are at work: one that takes away what those use begins with the line
``-- contract: since VERSION``, and waits until no node is older than that.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import errors

from portevoix.store.database import faults

#: Any number will do, as long as every node takes the same.
_LOCK = 0x706F727465766F69

_JOBS = "procrastinate-"

#: How long a migration waits for a table. Whoever asks for the table after it waits behind it: no call is to be late
#: for that, so it gives up soon, and tries again when those who wait have had their turn.
LOCK_TIMEOUT_MS = 1_000
LOCK_TRIES = 60
LOCK_PAUSE_S = 1.0

_CONTRACT = re.compile(r"-- contract: since (\d+(?:\.\d+)+)\n")


class MigrationChanged(Exception):
    """A migration that was applied has another text now: the schema cannot be trusted."""


class MigrationBlocked(Exception):
    """A migration cannot be applied now; nothing of it was."""


class SchemaBehind(Exception):
    """The database's schema is older than this version."""


def migrations() -> list[tuple[str, str]]:
    """List the migrations, in order, as (name, SQL)."""
    folder = files("portevoix.store").joinpath("migrations")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in found]


def job_migrations(applied: Iterable[str]) -> list[tuple[str, str]]:
    """List what the tables of jobs lack, as (name, SQL): procrastinate's own schema, or its migrations since.

    Args:
        applied: the names of migrations that the database has.
    """
    known = max((name for name in applied if name.startswith(_JOBS)), default=None)
    found: dict[str, list[str]] = {}
    for file in sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql")):
        found.setdefault(f"{_JOBS}{file.name.partition('_')[0]}", []).append(file.read_text(encoding="utf-8"))
    if known is None:
        return [(max(found), SchemaManager.get_schema())]
    return [(name, "\n".join(parts)) for name, parts in sorted(found.items()) if name > known]


def pending(url: str) -> list[str]:
    """Name the migrations that a database lacks. Raises Unavailable."""
    with faults(), psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
        rows = connection.execute("SELECT name FROM schema_migration").fetchall() if row and row[0] else []
    applied = {name for (name,) in rows}
    return [name for name, _ in (*migrations(), *job_migrations(applied)) if name not in applied]


def migrate(url: str) -> list[str]:
    """Bring a database's schema up to date; several nodes may do so at once.

    Args:
        url: a PostgreSQL connection string.

    Returns:
        the names of the migrations that this call applied.

    Raises:
        Unavailable: the database cannot be reached.
        MigrationChanged: an applied migration was edited since.
        MigrationBlocked: somebody uses what a migration changes, or takes away.
    """
    applied: list[str] = []
    with faults(), psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration ("
            "name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT name, sha256 FROM schema_migration").fetchall()
        known: dict[str, str] = dict(rows)
        for name, sql in (*migrations(), *job_migrations(known)):
            sha256 = hashlib.sha256(sql.encode()).hexdigest()
            if known.get(name, sha256) != sha256:
                raise MigrationChanged(
                    f"migration {name} was applied with another text: this database was made by another version; "
                    "use that version, or another data folder"
                )
            if name in known:
                continue
            _refuse_for_old_nodes(connection, name, sql)
            _apply(connection, name, sql, sha256)
            applied.append(name)
    return applied


def _apply(connection: psycopg.Connection[Any], name: str, sql: str, sha256: str) -> None:
    for _ in range(LOCK_TRIES):
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}".encode())
                connection.execute(sql.encode())
                connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", [name, sha256])
            return
        except errors.LockNotAvailable:
            time.sleep(LOCK_PAUSE_S)
    raise MigrationBlocked(
        f"migration {name} did not get the tables that it changes: a transaction keeps them, for minutes; "
        "end it (pg_stat_activity), then run 'portevoix migrate' again"
    )


def _refuse_for_old_nodes(connection: psycopg.Connection[Any], name: str, sql: str) -> None:
    """Keep what is taken away for as long as a node is alive that may use it."""
    contract = _CONTRACT.match(sql)
    if contract is None:
        return
    alive = connection.execute("SELECT name, version FROM node WHERE lease_until > now() ORDER BY name").fetchall()
    old = [f"{node} ({version or 'before 0.1.0'})" for node, version in alive if _parts(version) < _parts(contract[1])]
    if old:
        raise MigrationBlocked(
            f"migration {name} takes away what nodes before {contract[1]} use: stop or upgrade {', '.join(old)}, "
            "then run 'portevoix migrate' again"
        )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
