"""Migrations beside nodes at work: none takes away what the version before uses, and no call waits long for one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from portevoix.store import migrate as migrating
from portevoix.store.migrate import MigrationBlocked, migrate, migrations
from tests.parts import PATIENCE_S
from tests.store.expanding import faults, is_contracting

#: The first release's migrations are applied to databases that nobody uses yet; later ones expand, then contract.
LAST_OF_0_1_0 = "0014_months"
LATER = [(name, sql) for name, sql in migrations() if name > LAST_OF_0_1_0]


def test_every_later_migration_expands_or_says_that_it_contracts() -> None:
    assert {name: faults(sql) for name, sql in LATER if not is_contracting(sql) and faults(sql)} == {}


EXPANDING = (
    "CREATE TABLE thing (id bigint PRIMARY KEY, name text NOT NULL);\nCREATE INDEX thing_name ON thing (name);",
    "ALTER TABLE call ADD COLUMN hint text;",
    "ALTER TABLE call ADD COLUMN hint text NOT NULL DEFAULT '', ADD COLUMN more bigint;",
    "ALTER TABLE call ADD CONSTRAINT call_hint_short CHECK (length(hint) < 9) NOT VALID;",
    "ALTER TABLE call ALTER COLUMN hint DROP NOT NULL;",
    "CREATE INDEX IF NOT EXISTS call_hint ON call (hint);",
    "-- DROP TABLE call;\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM call RETURNING 1 $$;",
)
CONTRACTING = (
    "ALTER TABLE call DROP COLUMN hint;",
    "DROP TABLE thing;",
    "DROP INDEX thing_name;",
    "ALTER TABLE call RENAME COLUMN hint TO tip;",
    "ALTER TABLE call RENAME TO calls;",
    "ALTER TABLE call ALTER COLUMN hint TYPE integer USING 0;",
    "ALTER TABLE call ALTER COLUMN hint SET DATA TYPE integer USING 0;",
    "ALTER TABLE call ALTER COLUMN hint SET NOT NULL;",
    "ALTER TABLE call ADD COLUMN hint text NOT NULL;",
    "ALTER TABLE call ADD hint text NOT NULL, ADD COLUMN other text DEFAULT '';",
    "ALTER TABLE call ADD CONSTRAINT call_hint_short CHECK (length(hint) < 9);",
    "ALTER TYPE call_state ADD VALUE 'parked';",
    "CREATE INDEX call_hint ON call (hint);",
    "UPDATE call SET hint = '';",
)


@pytest.mark.parametrize("sql", EXPANDING)
def test_what_expands_is_let_through(sql: str) -> None:
    assert faults(sql) == []


@pytest.mark.parametrize("sql", CONTRACTING)
def test_what_contracts_is_found(sql: str) -> None:
    assert len(faults(sql)) == 1


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """Migrations of a version to come, to be filled in."""
    found: list[tuple[str, str]] = []
    known = migrations()
    monkeypatch.setattr(migrating, "migrations", lambda: [*known, *found])
    yield found


def test_a_migration_that_waits_for_a_table_lets_others_have_it_meanwhile(
    url: str, later: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT_MS", 50)
    later.append(("0099_hint", "ALTER TABLE call ADD COLUMN hint text;"))
    with (
        psycopg.connect(url) as reader,
        psycopg.connect(url, autocommit=True) as caller,
        ThreadPoolExecutor(1) as thread,
    ):
        reader.execute("SELECT count(*) FROM call")  # its transaction keeps the table as it is
        migrated = thread.submit(migrate, url)
        waits = "SELECT count(*) FROM pg_locks WHERE relation = 'call'::regclass AND NOT granted"
        while caller.execute(waits).fetchone() == (0,):
            assert not migrated.done()
        caller.execute("UPDATE call SET trunk_id = 0")  # waits behind the migration, until that gives up
        assert not migrated.done()
        reader.rollback()
        assert migrated.result(PATIENCE_S) == ["0099_hint"]


def test_a_migration_that_never_gets_its_table_says_so_and_leaves_nothing(
    url: str, later: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT_MS", 10)
    monkeypatch.setattr(migrating, "LOCK_TRIES", 2)
    monkeypatch.setattr(migrating, "LOCK_PAUSE_S", 0.0)
    later.append(("0099_hint", "CREATE TABLE hint (id bigint); ALTER TABLE call ADD COLUMN hint text;"))
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM call")
        with pytest.raises(MigrationBlocked, match="0099_hint"):
            migrate(url)
        assert reader.execute("SELECT to_regclass('hint')").fetchone() == (None,)
    assert migrate(url) == ["0099_hint"]


@pytest.mark.parametrize(("version", "is_old"), [("0.2.9", True), ("", True), ("0.3.0", False), ("0.10.0", False)])
def test_what_is_taken_away_waits_until_no_node_uses_it(
    url: str, later: list[tuple[str, str]], version: str, is_old: bool
) -> None:
    later.append(("0099_hint", "-- contract: since 0.3.0\nALTER TABLE call DROP COLUMN trunk_id CASCADE;"))
    node = (
        "INSERT INTO node (name, started_at, lease_until, version) VALUES ('a', now(), now() + interval '1 hour', %s)"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(node.encode(), [version])
        if is_old:
            with pytest.raises(MigrationBlocked, match=r"0\.3\.0.*upgrade a"):
                migrate(url)
            connection.execute("UPDATE node SET lease_until = now()")
        assert migrate(url) == ["0099_hint"]
