"""The schema guards money by itself, whatever the code above it does."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import psycopg
import pytest
from psycopg import errors

from portevoix.domain.ledger import SIDES, Kind
from portevoix.store.migrate import MigrationChanged, job_migrations, migrate, migrations, pending

#: Every CHECK that guards money, by table; a migration that drops one fails here.
GUARDS = {
    "account": {"account_available_not_negative", "account_held_not_negative", "account_balance_bounded",
                "account_low_balance_positive", "account_mode_known", "account_state_known",
                "account_is_not_its_parent", "account_live_clock_is_ours"},
    "call": {"call_hold_where_it_costs", "call_costs_at_most_its_hold", "call_over_has_its_end",
             "call_claimed_by_a_node"},
    "campaign": {"campaign_kind_known", "campaign_state_known", "campaign_plays_one_thing",
                 "campaign_counts_in_range", "campaign_money_in_range", "campaign_over_has_its_time"},
    "credit_grant": {"credit_grant_amount_positive", "credit_grant_remaining_in_range", "credit_grant_kind_known"},
    "draw": {"draw_amount_positive", "draw_settles_at_most_itself", "draw_has_one_maker",
             "draw_by_transfer_is_settled"},
    "hold": {"hold_amount_positive", "hold_settles_at_most_itself", "hold_refunds_at_most_settled",
             "hold_resolved_has_its_time"},
    "rate": {"rate_price_not_negative", "rate_connection_not_negative", "rate_minimum_not_negative",
             "rate_increment_positive", "rate_prefix_is_digits", "rate_product_known"},
    "transfer": {"transfer_amount_positive", "transfer_available_after_not_negative", "transfer_hold_where_due",
                 "transfer_counterpart_where_due", "transfer_adjustment_has_reason"},
}  # fmt: skip

#: A statement that breaks each guard of money, on a ledger with an account, a grant, a hold and a draw.
TRANSFER = "INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, at) VALUES "
BREAKS = {
    "account_available_not_negative": "UPDATE account SET available_micros = -1",
    "account_held_not_negative": "UPDATE account SET held_micros = -1",
    "account_balance_bounded": "UPDATE account SET available_micros = 1000000000000000001",
    "credit_grant_remaining_in_range": "UPDATE credit_grant SET remaining_micros = amount_micros + 1",
    "credit_grant_amount_positive": "UPDATE credit_grant SET amount_micros = 0, remaining_micros = 0",
    "hold_amount_positive": "UPDATE hold SET amount_micros = 0",
    "hold_settles_at_most_itself": "UPDATE hold SET settled_micros = amount_micros + 1, resolved_at = now()",
    "hold_refunds_at_most_settled": "UPDATE hold SET refunded_micros = 1",
    "hold_resolved_has_its_time": "UPDATE hold SET settled_micros = 1",
    "draw_amount_positive": "UPDATE draw SET amount_micros = 0",
    "draw_settles_at_most_itself": "UPDATE draw SET settled_micros = amount_micros + 1",
    "draw_has_one_maker": "UPDATE draw SET hold_id = NULL",
    "transfer_amount_positive": TRANSFER + "(1, 'top_up', 0, 0, now())",
    "transfer_available_after_not_negative": TRANSFER + "(1, 'top_up', 1, -1, now())",
    "transfer_hold_where_due": TRANSFER + "(1, 'reserve', 1, 0, now())",
    "transfer_adjustment_has_reason": TRANSFER + "(1, 'adjustment_debit', 1, 0, now())",
}

WAITING = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
"""

A_LEDGER = """
INSERT INTO account (public_id, mode, name, available_micros, held_micros, created_at)
VALUES ('acct_1', 'live', 'a', 60, 40, now());
INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, at)
VALUES (1, 'top_up', 100, 100, now());
INSERT INTO credit_grant (account_id, transfer_id, kind, amount_micros, remaining_micros)
VALUES (1, 1, 'paid', 100, 60);
INSERT INTO hold (account_id, idempotency_key, amount_micros, created_at) VALUES (1, 'h', 40, now());
INSERT INTO transfer (account_id, kind, amount_micros, available_after_micros, hold_id, at)
VALUES (1, 'reserve', 40, 60, 1, now());
INSERT INTO draw (grant_id, hold_id, amount_micros) VALUES (1, 1, 40);
"""


def test_every_check_that_guards_money_is_there(url: str) -> None:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND convalidated"
        ).fetchall()
    found = {table: {name for other, name in rows if other == table} for table in GUARDS}
    assert found == GUARDS


def test_money_is_whole_micro_euros_everywhere(url: str) -> None:
    kinds = "'money', 'numeric', 'real', 'double precision'"
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' "
            f"AND (column_name LIKE '%micros%' OR data_type IN ({kinds}))"
        ).fetchall()
    assert rows
    assert [row for row in rows if row[2] != "bigint"] == []


@pytest.mark.parametrize(("guard", "statement"), BREAKS.items())
def test_a_statement_that_breaks_a_guard_is_refused(url: str, guard: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(A_LEDGER)
        with pytest.raises(errors.CheckViolation) as refused:
            connection.execute(statement)
    assert refused.value.diag.constraint_name == guard


@pytest.mark.parametrize(
    "statement", ["UPDATE transfer SET amount_micros = 1", "DELETE FROM transfer", "TRUNCATE transfer CASCADE"]
)
def test_a_transfer_is_never_changed(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(A_LEDGER)
        with pytest.raises(errors.RestrictViolation):
            connection.execute(statement)


@pytest.mark.parametrize("table", ["account", "hold", "credit_grant", "draw"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_what_the_ledger_stands_on_is_never_deleted(url: str, table: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(A_LEDGER)
        with pytest.raises(errors.RestrictViolation):
            connection.execute(statement.format(table))


@pytest.mark.parametrize("statement", ["UPDATE rate SET price_micros = 1", "DELETE FROM tariff_revision"])
def test_a_tariff_revision_is_never_changed(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(errors.RestrictViolation):
        connection.execute(statement)


def test_the_schema_and_the_domain_agree_on_both_sides_of_every_kind() -> None:
    *_, text = (sql for _, sql in migrations() if "VIEW posting AS" in sql)
    rows = re.findall(r"\('(\w+)'(?:::transfer_kind)?, '(\w+)', (-?1)\)", text)
    expected = [(kind, side, sign) for kind in Kind for side, sign in zip(SIDES[kind], ("-1", "1"), strict=True)]
    assert rows == [(str(kind), str(side), sign) for kind, side, sign in expected]


COLUMNS = """
SELECT array_agg((attname, format_type(atttypid, atttypmod)) ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


@pytest.mark.parametrize("table", ["call", "attempt", "webhook", "webhook_attempt", "hold", "draw", "transfer"])
def test_a_table_its_past_and_both_together_have_the_same_columns_in_the_same_order(url: str, table: str) -> None:
    with psycopg.connect(url) as connection:
        of, past, every = (
            connection.execute(COLUMNS, [name]).fetchone()[0] for name in (table, f"past_{table}", f"every_{table}")
        )
    month = ("month", "date")
    assert (past, every) == ([month, *of], [*of, month])


def test_the_past_of_money_has_the_guards_of_what_it_came_from(url: str) -> None:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT conrelid::regclass::text, conname, pg_get_expr(conbin, conrelid) FROM pg_constraint "
            "WHERE contype = 'c' AND conparentid = 0"
        ).fetchall()
    for table in ("hold", "draw", "transfer", "call"):
        of = {(name, text) for other, name, text in rows if other == table}
        assert of
        assert of < {(name, text) for other, name, text in rows if other == f"past_{table}"}


def test_a_migration_that_was_edited_is_refused(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE schema_migration SET sha256 = 'another' WHERE name = '0001_credit'")
    with pytest.raises(MigrationChanged, match="0001_credit"):
        migrate(url)


async def test_several_nodes_migrate_an_empty_database_at_once(empty_url: str) -> None:
    names = [name for name, _ in (*migrations(), *job_migrations([]))]
    assert pending(empty_url) == names
    applied = await asyncio.gather(*(asyncio.to_thread(migrate, empty_url) for _ in range(4)))
    assert sorted(applied, key=len) == [[], [], [], names]
    assert pending(empty_url) == []


def test_a_node_killed_while_it_migrates_leaves_a_database_that_the_next_one_finishes(empty_url: str) -> None:
    with psycopg.connect(empty_url) as blocker:  # an open transaction holds the lock that migrations take
        blocker.execute("SELECT pg_advisory_xact_lock(%s)", [0x706F727465766F69])
        command = [
            sys.executable,
            "-c",
            "import sys; from portevoix.store.migrate import migrate; migrate(sys.argv[1])",
        ]
        node = subprocess.Popen([*command, empty_url])
        with psycopg.connect(empty_url, autocommit=True) as watcher:
            while watcher.execute(WAITING).fetchone() != (1,):
                assert node.poll() is None
        node.kill()
        node.wait()
    assert migrate(empty_url) == [name for name, _ in (*migrations(), *job_migrations([]))]


def test_tables_of_jobs_are_made_once_and_then_brought_up_to_date() -> None:
    ((newest, _),) = job_migrations([])
    assert job_migrations([newest]) == []
    later = job_migrations(["procrastinate-03.02.00"])
    assert [name for name, _ in later] == sorted(name for name, _ in later)
    assert later[-1][0] == newest
