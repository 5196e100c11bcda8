"""From filed reports to money, states and notices, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from portevoix.domain.call import CallState, Outcome, Report, Retries
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Progress
from portevoix.domain.mail import EmailAddress
from portevoix.domain.placing import Placing
from portevoix.ports import House
from portevoix.service import credit, dialling, settlement
from tests.parts import ManualClock
from tests.store.test_calls import (
    CALL_MICROS,
    HOOK,
    LEASE_S,
    MICROS,
    Customer,
    Node,
    counts,
    drain,
    end,
    file,
    numbers,
    report,
)

# reports and settlement


async def test_a_call_is_settled_by_its_report(house: House, alice: Customer, node: Node, clock: ManualClock) -> None:
    placing = await alice.send(numbers(1), notify_url=HOOK)
    (dial,) = await node.dial_all()
    await settlement.settle(house, await file(house, (dial, report(dial, seconds=4))))
    assert await alice.balance() == (100 * MICROS - 4_000, 0)
    call = await house.campaigns.call(alice.id, placing.campaign, 1)
    assert (call.state, call.outcome, call.duration_s, call.cost_micros) == (
        CallState.FINISHED,
        Outcome.ANSWERED,
        4,
        4_000,
    )
    found = await alice.campaign(placing.campaign)
    assert (found.state, found.delivered, found.settled_micros, found.held_micros) == ("finished", 1, 4_000, 0)
    assert await alice.events() == ["message.accepted", "call.ended", "message.finished"]
    assert await credit.check_ledger(house) == []


async def test_what_a_living_node_has_filed_is_its_own_to_settle(house: House, alice: Customer, node: Node) -> None:
    await alice.send(numbers(2))
    dials = await node.dial_all()
    calls = sorted(await file(house, *((dial, report(dial)) for dial in dials)))
    another = await house.calls.join("host/2", LEASE_S)
    assert await dialling.recover(house, another, dead_by=house.clock.now()) == []
    assert await dialling.recover(house, node.number, dead_by=house.clock.now()) == calls, "what it failed to settle"
    await house.calls.leave(node.number)
    assert await dialling.recover(house, another, dead_by=house.clock.now()) == calls, "nobody else will"


async def test_the_first_report_of_an_attempt_counts(house: House, alice: Customer, node: Node) -> None:
    placing = await alice.send(numbers(1))
    (dial,) = await node.dial_all()
    await file(house, (dial, report(dial, Outcome.BUSY)))
    await file(house, (dial, report(dial, Outcome.ANSWERED)))
    await settlement.settle(house, [dial.call_id])
    await end(house, [dial], Outcome.ANSWERED)
    assert await alice.states(placing.campaign) == [CallState.FAILED]
    assert await alice.balance() == (100 * MICROS, 0)


async def test_a_report_of_a_lost_call_leaves_what_was_said_on_the_way(
    house: House, alice: Customer, node: Node, clock: ManualClock, url: str
) -> None:
    await alice.send(numbers(1))
    (dial,) = await node.dial_all()
    clock.advance(seconds=2)
    await house.calls.progress([Progress(dial.call_id, dial.attempt, clock.now(), clock.now())])
    await file(house, (dial, Report(Outcome.LOST, clock.now())))
    with psycopg.connect(url) as connection:
        said = connection.execute("SELECT outcome, ringing_at, answered_at FROM attempt").fetchall()
    assert said == [(Outcome.LOST, clock.now(), clock.now())]


async def test_a_report_twice_in_one_batch_counts_once(house: House, alice: Customer, node: Node, url: str) -> None:
    placing = await alice.send(numbers(1), notify_url=HOOK)
    (dial,) = await node.dial_all()
    calls = await file(house, (dial, report(dial)), (dial, report(dial)))
    await settlement.settle(house, calls)
    assert await alice.states(placing.campaign) == [CallState.FINISHED]
    assert counts(url, "webhook") == [1]


async def test_two_settlements_at_once_settle_once(house: House, alice: Customer, node: Node, url: str) -> None:
    await alice.send(numbers(30), notify_url=HOOK)
    dials = await node.dial_all()
    calls = await file(house, *((dial, report(dial)) for dial in dials))
    both = await asyncio.gather(settlement.settle(house, calls), settlement.settle(house, calls[::-1]))
    assert sorted(one.filed.id for concluded in both for one in concluded) == sorted(calls)
    assert await alice.balance() == (100 * MICROS - 30 * CALL_MICROS, 0)
    assert counts(url, "webhook") == [30]
    assert await settlement.settle(house, calls) == []
    assert await credit.check_ledger(house) == []


async def test_nothing_is_told_of_a_settlement_that_is_undone(
    house: House, alice: Customer, node: Node, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    placing = await alice.send(numbers(2), notify_url=HOOK)
    dials = await node.dial_all()
    calls = await file(house, *((dial, report(dial)) for dial in dials))
    tell = settlement.tell

    async def tell_and_fall(*what: Any) -> None:
        await tell(*what)
        raise RuntimeError("the node dies here")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(settlement, "tell", tell_and_fall)
        await settlement.settle(house, calls)
    assert counts(url, "webhook", "procrastinate_jobs") == [0, 0]
    assert await alice.events() == ["message.accepted"]
    assert await alice.states(placing.campaign) == [CallState.DIALING] * 2
    assert sorted(await dialling.recover(house, dead_by=house.clock.now())) == sorted(calls)
    await settlement.settle(house, calls)
    assert counts(url, "webhook", "procrastinate_jobs") == [2, 2]
    assert await credit.check_ledger(house) == []


async def test_a_retry_is_due_after_its_spacing_and_keeps_its_hold(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    node = await Node.of(house, lease_s=100)
    placing = await alice.send(numbers(1), retries=Retries(1, 90))
    (dial,) = await node.dial_all()
    await end(house, [dial], Outcome.BUSY)
    assert await alice.states(placing.campaign) == [CallState.SCHEDULED]
    assert await alice.balance() == (100 * MICROS - CALL_MICROS, CALL_MICROS)
    clock.advance(seconds=6 + 89)
    assert await node.claim() == []
    clock.advance(seconds=1)
    (again,) = await node.dial_all()
    assert (again.call_id, again.attempt, again.route) == (dial.call_id, 2, 0)
    await end(house, [again], Outcome.BUSY)
    assert await alice.states(placing.campaign) == [CallState.FAILED]
    assert await alice.balance() == (100 * MICROS, 0)
    assert await credit.check_ledger(house) == []


async def test_a_route_that_fails_is_followed_by_the_next_at_once(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await alice.send(numbers(1))
    (dial,) = await node.dial_all()
    await settlement.settle(house, await file(house, (dial, report(dial, Outcome.CONGESTION, seconds=0))))
    (again,) = await node.dial_all()
    assert (again.call_id, again.attempt, again.route) == (dial.call_id, 2, 1)


async def test_a_deposit_campaign_ends_with_one_get_and_one_mail(
    house: House, alice: Customer, node: Node, clock: ManualClock, url: str
) -> None:
    address = EmailAddress.parse("accueil@example.test")
    await alice.send(numbers(3), Kind.DEPOSIT, notify_url=HOOK, email=address)
    dials = await node.dial_all()
    await end(house, dials[:2], Outcome.VOICEMAIL)
    assert counts(url, "webhook", "mail") == [0, 0]
    await end(house, dials[2:], Outcome.BUSY)
    assert counts(url, "webhook", "mail") == [1, 1]
    (mail,) = await house.notices.mails(alice.id, 10)
    assert (mail.recipient, mail.state) == ("accueil@example.test", "kept")
    assert "Messages déposés : 2 sur 3" in mail.text
    assert "Coût : 0,3 €" in mail.text
    (webhook,) = await house.notices.webhooks(alice.id, None, 10)
    assert webhook.url.endswith("&delivered_quantity=2&total_quantity=3")


async def test_a_campaign_of_a_sandbox_ends_after_it_began(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    """Its times are all its account's, whose clock was moved on."""
    await house.sandboxes.advance(alice.id, 86_400)
    placing = await alice.send(numbers(1))
    dials = await node.dial_all()
    clock.advance(seconds=6)
    await end(house, dials)
    found = await alice.campaign(placing.campaign)
    assert found.created_at == clock.now() + timedelta(seconds=86_400 - 6)
    assert found.finished_at is not None
    assert found.finished_at >= found.created_at


async def test_a_lost_call_of_a_sandbox_ends_after_it_began(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await house.sandboxes.advance(alice.id, 86_400)
    placing = await alice.send(numbers(1))
    (dial,) = await node.dial_all()
    clock.advance(seconds=LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    call = await house.campaigns.call(alice.id, placing.campaign, 1)
    assert call.ended_at is not None
    assert call.ended_at >= dial.at


# two at once


async def _between_filing_and_concluding(house: House, calls: Sequence[int], meanwhile: Any) -> None:
    """Settle, while something else happens after the reports were read."""
    reading = asyncio.Event()
    go_on = asyncio.Event()
    conclude = settlement._conclude

    async def wait(*what: Any) -> Any:
        reading.set()
        await go_on.wait()
        return await conclude(*what)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(settlement, "_conclude", wait)
        settling = asyncio.create_task(settlement.settle(house, calls))
        await reading.wait()
        other = asyncio.create_task(meanwhile)
        await asyncio.wait({other}, timeout=1)  # it is through, or waits for the settlement
        go_on.set()
        await asyncio.gather(settling, other)


async def test_a_call_that_would_be_retried_ends_when_its_campaign_is_cancelled_meanwhile(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1), retries=Retries(3, 1))
    (dial,) = await node.dial_all()
    calls = await file(house, (dial, report(dial, Outcome.BUSY)))
    await _between_filing_and_concluding(house, calls, alice.cancel(placing.campaign))
    await dialling.recover(house, dead_by=house.clock.now())
    clock.advance(days=1)
    await drain(house)
    (state,) = await alice.states(placing.campaign)
    assert state.is_over
    assert (await alice.balance())[1] == 0
    assert await credit.check_ledger(house) == []


async def test_a_call_that_would_be_retried_is_due_when_its_campaign_is_resumed_meanwhile(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1), retries=Retries(3, 1))
    (dial,) = await node.dial_all()
    await alice.pause(placing.campaign)
    calls = await file(house, (dial, report(dial, Outcome.BUSY)))
    await _between_filing_and_concluding(house, calls, alice.resume(placing.campaign))
    clock.advance(days=1)
    await drain(house)
    assert await alice.states(placing.campaign) == [CallState.FINISHED]


async def test_sends_cancels_and_settlements_at_once_never_deadlock_and_lose_nothing(house: House) -> None:
    customers = [await Customer.of(house, f"Account {number}") for number in range(3)]
    placings = [await one.send(numbers(20)) for one in customers for _ in range(2)]
    node = await Node.of(house)
    dials = await node.dial_all(90)

    async def cancel(customer: Customer, placing: Placing) -> None:
        await customer.cancel(placing.campaign)

    owners = [one for one in customers for _ in range(2)]
    await asyncio.gather(
        *(cancel(owner, placing) for owner, placing in zip(owners, placings, strict=True)),
        *(end(house, dials[start::4]) for start in range(4)),
        *(one.send(numbers(20)) for one in customers),
    )
    await drain(house)
    for one in customers:
        assert (await one.balance())[1] == 0
    assert await credit.check_ledger(house) == []
