"""Accounts that have sent for some months: what is over, what is not, and all that may hang on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from portevoix.domain.call import Outcome
from portevoix.domain.ids import AccountRef, Mode
from portevoix.domain.webhook import WebhookAnswer
from portevoix.ports import House
from portevoix.service import accounts, credit
from tests.parts import ManualClock
from tests.store.test_calls import HOOK, MICROS, Customer, Node, drain, end, numbers

JANUARY = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
#: Calls that begin now and last six seconds are over in February.
LAST_OF_JANUARY = datetime(2026, 1, 31, 23, 59, 57, tzinfo=UTC)
MAY = datetime(2026, 5, 20, 9, 0, tzinfo=UTC)

#: So that January is archived, and not yet February.
KEEP_MONTHS = 3


@dataclass
class Past:
    """Who has sent, and which messages.

    Args:
        settled: over in January, reached all.
        mixed: over in January, of several attempts.
        cancelled: over in January, before it began.
        february: begun in January, over in February.
        waiting: sent in January, not over.
        recent: over in May.
        refunded: the hold of a call of the first one, of which a part was given back.
        alice_held: what is set aside for the one that waits, in micro-euros.
    """

    alice: Customer
    shop: AccountRef
    settled: str
    mixed: str
    cancelled: str
    february: str
    waiting: str
    recent: str
    refunded: int
    alice_held: int


async def live_through(house: House, clock: ManualClock, url: str) -> Past:
    """Send, and let months go by."""
    clock.moment = JANUARY
    alice = await Customer.of(house, "Alice", euros=1_000)
    shop = await _shop(house, alice)
    settled = await alice.send(numbers(30), notify_url=HOOK)
    await drain(house)
    mixed = await alice.send(numbers(20, code=11), notify_url=HOOK)
    await _in_two_attempts(house, clock)
    cancelled = await alice.send(numbers(10), due_at=datetime(2026, 1, 20, tzinfo=UTC))
    await alice.cancel(cancelled.campaign)
    refunded = min(settled.holds)
    await credit.refund(house, refunded, 1_000, "complaint")
    await deliver(house, url)

    clock.moment = LAST_OF_JANUARY
    february = await alice.send(numbers(5))
    node = await Node.of(house)
    dials = await node.dial_all()
    waiting = await alice.send(numbers(7), due_at=datetime(2027, 1, 1, tzinfo=UTC))
    clock.advance(hours=1)
    await end(house, dials)
    await house.calls.leave(node.number)

    clock.moment = MAY
    recent = await alice.send(numbers(8))
    await drain(house)
    campaigns = (one.campaign for one in (settled, mixed, cancelled, february, waiting, recent))
    assert await credit.check_ledger(house) == []
    _, held = await alice.balance()
    return Past(alice, shop, *campaigns, refunded, held)


async def _shop(house: House, alice: Customer) -> AccountRef:
    opened = await accounts.open_account(house, "Shop", parent=alice.ref.public_id)
    shop = AccountRef(opened.account, Mode.SANDBOX)
    await credit.allot(house, alice.ref, shop, 5 * MICROS, "pocket-money")
    await credit.adjust(house, alice.ref, -MICROS, "correction", "a correction")
    return shop


async def _in_two_attempts(house: House, clock: ManualClock) -> None:
    """Let every call be refused by the first route, and half of them end busy on the second."""
    node = await Node.of(house)
    await end(house, await node.dial_all(), Outcome.CONGESTION)
    clock.advance(seconds=10)
    dials = await node.dial_all()
    await end(house, dials[::2], Outcome.BUSY)
    await end(house, dials[1::2])
    await house.calls.leave(node.number)


async def deliver(house: House, url: str) -> None:
    """Deliver the webhooks that wait."""
    with psycopg.connect(url, autocommit=True) as connection:
        waiting = connection.execute("SELECT id FROM webhook WHERE state = 'pending'").fetchall()
    for (webhook,) in waiting:
        await house.notices.log_try(webhook, "delivered", WebhookAnswer(200, None, "thanks", 12, None), None)
