"""A PostgreSQL that is stopped, killed and started when a fault wants it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg

from portevoix.store.embedded import _Cluster

SOCKET = ".s.PGSQL.5432"


class Postgres:
    """The embedded programs on a cluster of our own; commits are on disk before they are acknowledged.

    Args:
        data: its folder.
    """

    def __init__(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._cluster = _Cluster(data)
        self._data = data / "postgres" / "cluster"

    @property
    def url(self) -> str:
        """Where it is, past all wires."""
        return self._cluster.url

    @property
    def socket(self) -> Path:
        """Where it listens."""
        (folder,) = parse_qs(urlsplit(self.url).query)["host"]
        return Path(folder) / SOCKET

    async def start(self) -> None:
        """Start it where it does not run."""
        await asyncio.to_thread(self._cluster.ensure)

    async def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends what runs in order, ``immediate`` leaves it to recovery."""
        arguments = ("stop", "-D", str(self._data), "-m", mode, "-w", "-t", "60")
        await asyncio.to_thread(self._cluster._run, "pg_ctl", *arguments)

    def kill(self) -> None:
        """Kill the postmaster; its children leave by themselves when they see it gone."""
        lines = (self._data / "postmaster.pid").read_text(encoding="ascii").splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)

    async def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask it something, on a connection of its own."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as connection:
            cursor = await connection.execute(query.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def sessions(self) -> Sequence[int]:
        """List the processes that serve nodes."""
        clients = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        rows = await self.ask(f"{clients} ORDER BY pid")
        return [pid for (pid,) in rows]
