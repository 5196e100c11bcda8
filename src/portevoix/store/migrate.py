"""Migrations: plain SQL, numbered, applied once each under a lock that all nodes share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import psycopg
from procrastinate.schema import SchemaManager

from portevoix.store.database import faults

#: Any number will do, as long as every node takes the same.
_LOCK = 0x706F727465766F69

_JOBS = "procrastinate-"


class MigrationChanged(Exception):
    """A migration that was applied has another text now: the schema cannot be trusted."""


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
            with connection.transaction():
                connection.execute(sql.encode())
                connection.execute("INSERT INTO schema_migration (name, sha256) VALUES (%s, %s)", [name, sha256])
            applied.append(name)
    return applied
