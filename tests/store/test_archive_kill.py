"""``portevoix archive`` killed with kill -9 in the middle of its transactions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import psycopg
import pytest

from portevoix.ports import House
from portevoix.service import credit
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S, ManualClock, until
from tests.store.past import live_through
from tests.store.test_archive import counts

#: Where it is killed: before it writes to these, in a statement or after some of it was committed.
PLACES = ("past_month", "past_webhook", "past_attempt", "past_transfer", "campaign")

LOCK = 7

STOP_AT = """
CREATE OR REPLACE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    RETURN NULL;
END $$;
CREATE TRIGGER wait_here BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION wait_here();
"""

WAITS = """
SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND NOT l.granted AND l.objid = %s AND d.datname = current_database()
"""

GONE = "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"


@pytest.mark.parametrize("table", PLACES)
async def test_a_kill_loses_and_doubles_nothing_and_the_next_run_ends_it(
    house: House, clock: ManualClock, url: str, table: str
) -> None:
    past = await live_through(house, clock, url)
    before = {name: sum(both) for name, both in counts(url).items()}
    command = [sys.executable, "-m", "portevoix", "archive"]
    environment = {**os.environ, "PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER}
    kill_at(url, table, command, environment)

    assert {name: sum(both) for name, both in counts(url).items()} == before
    assert await credit.check_ledger(house) == []

    assert "2026-01" in run(command, environment)
    after = counts(url)
    assert {name: sum(both) for name, both in after.items()} == before
    assert after["call"] == (len(await past.alice.states(past.waiting)), 73)
    assert await credit.check_ledger(house) == []


def kill_at(url: str, table: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Start a command, and kill it when it is about to write to a table."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STOP_AT.format(lock=LOCK, table=table).encode())
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        waiting = until(lambda: connection.execute(WAITS, [LOCK]).fetchone())
        process.kill()
        process.wait()
        connection.execute("SELECT pg_terminate_backend(%s)", waiting)
        connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        until(lambda: connection.execute(GONE, waiting).fetchone())
        connection.execute(f"DROP TRIGGER wait_here ON {table}".encode())


def run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command to its end; returns what it says."""
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return ended.stdout
