"""What tests of backups are made of: a customer's server, and the ways to back its database up and restore it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from portevoix.store import embedded
from tests.parts import PATIENCE_S, Server, portevoix

#: Slow enough for a backup to come in the middle of a message of some hundreds of calls.
PACED = {
    "PORTEVOIX_SIMULATOR_SPEED": "max",
    "PORTEVOIX_CALLS_PER_SECOND": "20",
    "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": "20",
}
HURRIED = PACED | {"PORTEVOIX_CALLS_PER_SECOND": "2000", "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": "2000"}

DIALLED = """
    SELECT p.public_id, c.position, a.number FROM attempt a JOIN call c ON c.id = a.call_id
    JOIN campaign p ON p.id = c.campaign_id WHERE a.route <> 'restored'
"""
LEFT = "SELECT count(*) FROM call WHERE cost_micros IS NULL"

Dialled = set[tuple[Any, ...]]


def phones(count: int) -> list[str]:
    """So many phones that are answered at once."""
    return [f"+3363998{ring:02}{code:02}" for ring in range(100) for code in range(90, 100)][:count]


class Backed:
    """A server whose database is backed up and restored, and what was really dialled of it.

    Args:
        server: on an embedded PostgreSQL.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        opened = server.run("account", "create", "Mairie", "--credit", "100", "--json")
        self._key = opened["test_key"]

    def send(self, server: Server, key: str, count: int) -> httpx2.Response:
        """Send a text to so many phones, under an idempotency key."""
        headers = {"authorization": f"Bearer {self._key}", "idempotency-key": key}
        body = {"to": phones(count), "text": "Bonjour."}
        with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as http:
            return http.post(f"{server.url}/v2/messages", json=body, headers=headers)

    def wait_until_dialled(self, count: int) -> None:
        """Wait until so many calls were dialled."""
        with connected(self.server.data) as connection:
            wait_for_events(connection, lambda: len(dialled_in(connection)) >= count)


@contextmanager
def connected(data: Path) -> Iterator[psycopg.Connection[Any]]:
    """Connect to the database of a data folder, whether a server uses it or not."""
    with embedded.running(data) as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def dialled_in(connection: psycopg.Connection[Any]) -> Dialled:
    """Read which attempts were really made, by the books."""
    return set(connection.execute(DIALLED.encode()).fetchall())


def dialled(data: Path) -> Dialled:
    """Read which attempts were really made, by the books of a data folder."""
    with connected(data) as connection:
        return dialled_in(connection)


def program(name: str, *arguments: str, url: str) -> None:
    """Run one of PostgreSQL's clients on a database."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    environment = {**os.environ, "PGPASSWORD": str(parts.pop("password"))}
    where = psycopg.conninfo.make_conninfo("", **parts)
    asked = [str(embedded._programs() / name), "-d", where, *arguments]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def keep_secrets(old: Path, new: Path) -> None:
    """Bring the pepper, without which no key is known, to another data folder."""
    new.mkdir(parents=True, exist_ok=True)
    shutil.copy(old / "key.pepper", new / "key.pepper")


def recover(data: Path, *arguments: str) -> str:
    """Run ``portevoix recover``; returns what it says."""
    done = portevoix("recover", *arguments, data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ledger_faults(data: Path) -> str:
    """Have the ledger checked; returns what was said, if that is not that it is sound."""
    done = portevoix("ledger", "check", data=data)
    return "" if (done.returncode, done.stdout) == (0, "the ledger is sound\n") else done.stdout + done.stderr


def wait_until_over(data: Path) -> None:
    """Wait until all calls are over."""
    with connected(data) as connection:
        wait_for_events(connection, lambda: connection.execute(LEFT.encode()).fetchone() == (0,))


def wait_for_events(connection: psycopg.Connection[Any], is_so: Callable[[], bool]) -> None:
    """Wait until something is so, which is looked at again with each event."""
    connection.execute("LISTEN portevoix_events")
    while not is_so():
        assert list(connection.notifies(timeout=PATIENCE_S, stop_after=1)), "nothing happens any more"
