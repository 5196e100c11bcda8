"""The next version beside this one: it migrates under calls that are under way, both work, and this one leaves."""

from __future__ import annotations

import re
import shutil
import signal
from pathlib import Path

import psycopg
import pytest

import portevoix as package
from tests.conftest import PEPPER
from tests.parts import Server, portevoix
from tests.scenario.restoring import PACED, Backed, wait_for_events

CALLS = 300

#: What the next version has more: it expands the tables that every call writes to.
EXPANDS = """
ALTER TABLE call ADD COLUMN hint text;
ALTER TABLE campaign ADD COLUMN hints integer NOT NULL DEFAULT 0;
CREATE TABLE hint (call_id bigint PRIMARY KEY, hint text NOT NULL);
"""

COUNTED = "SELECT count(*) FROM call WHERE cost_micros IS NOT NULL"
ALIVE = "SELECT count(*) FROM node WHERE lease_until > now()"


@pytest.fixture
def next_version(tmp_path: Path) -> dict[str, str]:
    """The environment in which ``python -m portevoix`` is the next version: a copy with one migration more."""
    source = Path(package.__file__).parent
    copy = tmp_path / "next" / "portevoix"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    init = copy / "__init__.py"
    init.write_text(re.sub(r'__version__ = ".*"', '__version__ = "99.0.0"', init.read_text(encoding="utf-8")))
    (copy / "store" / "migrations" / "9900_hint.sql").write_text(EXPANDS, encoding="utf-8")
    return {"PYTHONPATH": str(copy.parent)}


def test_two_versions_work_side_by_side_and_nothing_is_lost(
    url: str, data_folder: Path, tmp_path: Path, next_version: dict[str, str]
) -> None:
    shared = {**PACED, "PORTEVOIX_DATABASE_URL": url, "PORTEVOIX_KEY_PEPPER": PEPPER, "PORTEVOIX_LIMIT_V2": "off"}
    old = Server(data_folder, shared)
    new = Server(tmp_path / "data", {**shared, **next_version})
    with old, psycopg.connect(url, autocommit=True) as connection:
        customer = Backed(old)
        assert customer.send(old, "one", CALLS).status_code == 201
        wait_for_events(connection, lambda: over(connection) >= 10)
        assert migrate_to_the_next(data_folder, {**shared, **next_version}) == "applied 9900_hint\n"
        assert portevoix("migrate", data=data_folder, environment=shared).stdout == "the schema is up to date\n"
        assert customer.send(old, "two", CALLS).status_code == 201
        assert over(connection) < 2 * CALLS, "calls are under way"
        with new:
            assert (customer.send(new, "three", CALLS).status_code, customer.send(old, "four", 3).status_code) == (
                201,
                201,
            )
            wait_for_events(connection, lambda: connection.execute(ALIVE.encode()).fetchone() == (2,))
            assert old.stop(signal.SIGTERM) == 0
            assert customer.send(new, "five", 3).status_code == 201
            wait_for_events(connection, lambda: over(connection) == 3 * CALLS + 6)
        ended = connection.execute("SELECT state::text, attempt, count(*) FROM call GROUP BY 1, 2").fetchall()
        held = connection.execute("SELECT sum(held_micros) FROM account").fetchone()
    assert {(state, attempt) for state, attempt, _ in ended} <= {("finished", 1), ("uncertain", 1)}
    assert held == (0,)
    checked = portevoix("ledger", "check", data=data_folder, environment=shared)
    assert checked.stdout == "the ledger is sound\n", checked.stderr
    for server in (old, new):
        assert not re.search(r"Traceback|\[error|_failed", server.log()), server.log()


def over(connection: psycopg.Connection[tuple[int]]) -> int:
    """Count the calls that are over."""
    row = connection.execute(COUNTED.encode()).fetchone()
    assert row is not None
    return row[0]


def migrate_to_the_next(data: Path, environment: dict[str, str]) -> str:
    """Run ``migrate`` of the next version; returns what it said."""
    done = portevoix("migrate", data=data, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
