"""``ledger check`` names the invariant and the row, whatever was tampered with."""

from __future__ import annotations

import psycopg
import pytest

from portevoix.ports import House
from portevoix.service import credit
from portevoix.store.ledger import CHECKS
from tests.parts import ManualClock
from tests.store.script import Script

#: What is over of the campaign below, and what of it names what a month has.
PRESENT = [
    ("transfer", "hold_id = 2 AND kind <> 'refund'", "transfer"),
    ("hold", "id = 2", "hold 2"),
    ("draw", "hold_id = 2", "draw of hold 2"),
    ("call", "id = 2", "call 2"),
    ("attempt", "call_id = 2", "attempt of call 2"),
]
LED = ("transfer", "draw", "call")


def past(table: str, which: str) -> str:
    """Archive rows without taking them from where they are, and alone."""
    rows = f"SELECT '2026-01-01', * FROM {table} WHERE {which}"
    return f"SELECT make_past_month('2026-01-01', now()); INSERT INTO past_{table} {rows}"


#: Changes behind the ledger's back that its constraints cannot see, and what the check must say of each.
TAMPERINGS = [
    ("UPDATE account SET available_micros = 9 WHERE id = 1", "balance_is_sum_of_transfers", "account 1"),
    ("UPDATE account SET held_micros = 9 WHERE id = 1", "held_is_sum_of_open_holds", "account 1"),
    ("UPDATE account SET available_micros = 9 WHERE id = 1", "available_is_sum_of_grants", "account 1"),
    ("UPDATE account SET next_expiry_at = NULL WHERE id = 1", "expiry_is_known_in_time", "account 1"),
    ("UPDATE transfer SET available_after_micros = 7 WHERE id = 1", "running_balance_is_unbroken", "transfer 1"),
    ("UPDATE transfer SET amount_micros = 999 WHERE id = 1", "grant_agrees_with_its_transfer", "transfer 1"),
    ("UPDATE transfer SET amount_micros = 1 WHERE kind = 'allotment_in'", "allotment_has_two_halves", "transfer"),
    ("DELETE FROM draw WHERE transfer_id IS NOT NULL", "debit_is_sum_of_its_draws", "transfer"),
    ("UPDATE credit_grant SET remaining_micros = 9 WHERE id = 1", "grant_is_what_was_not_drawn", "grant 1"),
    ("UPDATE draw SET amount_micros = 1 WHERE hold_id = 1", "hold_is_sum_of_its_draws", "hold 1"),
    ("UPDATE hold SET amount_micros = 299 WHERE id = 1", "hold_agrees_with_its_transfers", "hold 1"),
    ("UPDATE spending SET micros = 59", "spending_is_what_was_settled", "account 1"),
    ("DELETE FROM spending", "spending_is_what_was_settled", "account 1"),
    ("DELETE FROM hold WHERE id = 2", "row_has_its_parents", "transfer"),
    ("DELETE FROM credit_grant WHERE id = 1", "row_has_its_parents", "draw on grant 1"),
    ("DELETE FROM account WHERE id = 1", "row_has_its_parents", "hold 1"),
    ("UPDATE hold SET refunded_micros = 1 WHERE id = 2", "hold_agrees_with_its_transfers", "hold 2"),
    ("UPDATE call SET cost_micros = 59 WHERE id = 2", "call_agrees_with_its_hold", "call 2"),
    ("UPDATE call SET hold_id = 7 WHERE id = 1", "call_agrees_with_its_hold", "call 1"),
    ("UPDATE campaign SET delivered = 0 WHERE id = 1", "campaign_agrees_with_its_calls", "campaign 1"),
    ("UPDATE campaign SET held_micros = 299 WHERE id = 1", "campaign_agrees_with_its_calls", "campaign 1"),
    ("DELETE FROM attempt", "call_was_dialled_as_often_as_it_says", "call 2"),
    ("INSERT INTO attempt (call_id, number, account_id, route, dialed_at) VALUES (1, 1, 1, 'r', now())",
     "call_was_dialled_as_often_as_it_says", "call 1"),
    ("DELETE FROM campaign", "call_has_its_parents", "call 1"),
    ("UPDATE attempt SET account_id = 3", "call_has_its_parents", "attempt of call 2"),
    *((past(table, which), "row_stands_once", row) for table, which, row in PRESENT),
    *((past(table, which), "past_row_is_in_its_month", row) for table, which, row in PRESENT if table in LED),
]  # fmt: skip


#: A campaign whose first call waits on hold 1, and whose second one has settled hold 2.
A_CAMPAIGN = """
    INSERT INTO sound (sha256, alaw, samples, created_at) VALUES (sha256('a'), 'a', 1, now());
    INSERT INTO campaign (public_id, account_id, kind, sha256, samples, text, notify_token, retries, retry_spacing_s,
        is_scheduled, due_at, created_at, total, open, delivered, reserved_micros, held_micros, settled_micros)
    VALUES ('aaaaaaaaaa', 1, 'voice', sha256('a'), 1, 'a', '', 0, 0, false, now(), now(), 2, 1, 1, 400, 300, 60);
    INSERT INTO call (campaign_id, account_id, position, number, product, state, due_at, hold_id, reserved_micros)
    VALUES (1, 1, 1, '33639980000', 'voice_mobile', 'ready', now(), 1, 300);
    INSERT INTO call (campaign_id, account_id, position, number, product, state, due_at, attempt, hold_id,
        reserved_micros, cost_micros, ended_at)
    VALUES (1, 1, 2, '33639980001', 'voice_mobile', 'finished', now(), 1, 2, 100, 60, now());
    INSERT INTO attempt (call_id, number, account_id, route, dialed_at, ended_at, outcome, is_open)
    VALUES (2, 1, 1, 'r', now(), now(), 'answered', false);
"""


@pytest.mark.parametrize(("tampering", "invariant", "row"), TAMPERINGS)
async def test_a_tampering_is_named(
    house: House, clock: ManualClock, url: str, tampering: str, invariant: str, row: str
) -> None:
    await Script(house, clock).play("""
        account alice
        account shop under alice
        topup alice 1000 expires 600s
        hold H1 alice 300
        hold H2 alice 100
        settle H2 60
        allot alice shop 50
    """)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(A_CAMPAIGN)
        assert await credit.check_ledger(house) == []
        connection.execute("SET session_replication_role = replica")  # as an intruder would, past the triggers
        connection.execute(tampering)
    found = await credit.check_ledger(house)
    assert any(v.invariant == invariant and v.row.startswith(row) and v.detail for v in found), found


def test_every_invariant_has_a_tampering_that_breaks_it() -> None:
    impossible_by_construction = {"postings_add_up_to_nought"}
    assert {invariant for _, invariant, _ in TAMPERINGS} | impossible_by_construction == set(CHECKS)
