"""``ledger check`` names the invariant and the row, whatever was tampered with."""

from __future__ import annotations

import psycopg
import pytest

from portevoix.ports import House
from portevoix.service import credit
from portevoix.store.ledger import CHECKS
from tests.parts import ManualClock
from tests.store.script import Script

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
    ("DELETE FROM hold WHERE id = 2", "row_has_its_parents", "transfer"),
    ("DELETE FROM credit_grant WHERE id = 1", "row_has_its_parents", "draw on grant 1"),
    ("DELETE FROM account WHERE id = 1", "row_has_its_parents", "hold 1"),
    ("UPDATE hold SET refunded_micros = 1 WHERE id = 2", "hold_agrees_with_its_transfers", "hold 2"),
]  # fmt: skip


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
        connection.execute("SET session_replication_role = replica")  # as an intruder would, past the triggers
        connection.execute(tampering)
    found = await credit.check_ledger(house)
    assert any(v.invariant == invariant and v.row.startswith(row) and v.detail for v in found), found


def test_every_invariant_has_a_tampering_that_breaks_it() -> None:
    impossible_by_construction = {"postings_add_up_to_nought"}
    assert {invariant for _, invariant, _ in TAMPERINGS} | impossible_by_construction == set(CHECKS)
