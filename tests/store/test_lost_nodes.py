"""What is left when a node is gone, on a real PostgreSQL."""

from __future__ import annotations

from portevoix.domain.call import CallState, Outcome, Retries
from portevoix.domain.dialling import Progress
from portevoix.ports import House
from portevoix.service import credit, dialling, settlement
from tests.parts import ManualClock
from tests.store.test_calls import HOOK, LEASE_S, MICROS, Customer, Node, counts, end, file, numbers, report


async def test_what_a_dead_node_had_claimed_is_due_again(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await alice.send(numbers(3))
    claimed = await node.claim()
    clock.advance(seconds=LEASE_S)
    assert await dialling.recover(house, dead_by=house.clock.now()) == []
    assert await node.dial(claimed) == []
    again = await (await Node.of(house)).dial_all()
    assert sorted(dial.call_id for dial in again) == sorted(one.id for one in claimed)
    assert {dial.attempt for dial in again} == {1}


async def test_what_a_dead_node_was_dialling_is_uncertain_and_never_dialled_again(
    house: House, alice: Customer, node: Node, clock: ManualClock, url: str
) -> None:
    placing = await alice.send(numbers(3), retries=Retries(3, 1), notify_url=HOOK)
    await node.dial_all()
    clock.advance(seconds=LEASE_S)
    lost = await dialling.recover(house, dead_by=house.clock.now())
    assert len(lost) == 3
    await settlement.settle(house, lost)
    assert await alice.states(placing.campaign) == [CallState.UNCERTAIN] * 3
    clock.advance(days=1)
    assert await (await Node.of(house)).claim() == []
    assert counts(url, "attempt", "webhook") == [3, 3]
    assert await alice.balance() == (100 * MICROS, 0)
    assert await credit.check_ledger(house) == []


async def test_a_live_nodes_calls_are_left_alone(house: House, alice: Customer, node: Node, clock: ManualClock) -> None:
    placing = await alice.send(numbers(2))
    await node.dial(await node.claim(1))
    await node.claim(1)
    clock.advance(seconds=LEASE_S - 1)
    assert await house.calls.renew(node.number, LEASE_S)
    clock.advance(seconds=LEASE_S - 1)
    assert await dialling.recover(house, dead_by=house.clock.now()) == []
    assert sorted(await alice.states(placing.campaign)) == [CallState.CLAIMED, CallState.DIALING]


async def test_a_node_that_was_silent_cannot_dial_until_it_is_heard_again(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await alice.send(numbers(2))
    silent, heard = await node.claim(1), await node.claim(1)
    clock.advance(seconds=10 * LEASE_S)
    assert await dialling.recover(house, dead_by=None) == []
    assert await node.dial(silent) == []
    assert await house.calls.renew(node.number, LEASE_S)
    assert [dial.call_id for dial in await node.dial(heard)] == [heard[0].id]


async def test_a_node_that_was_taken_for_dead_cannot_renew_nor_dial_though_not_all_was_taken_from_it_yet(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await alice.send(numbers(2))
    claimed = await node.claim()
    clock.advance(seconds=LEASE_S)
    await house.calls.forsake(1, clock.now())
    assert not await house.calls.renew(node.number, LEASE_S)
    await house.calls.forsake(1, None)
    again = await (await Node.of(house)).claim()
    assert sorted(one.id for one in again) == sorted(one.id for one in claimed), "it is known to be dead"
    assert await node.dial(claimed) == []


async def test_a_node_that_was_taken_for_dead_claims_nothing_that_nobody_would_look_after(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await alice.send(numbers(1))
    clock.advance(seconds=LEASE_S)
    assert await node.claim() == []
    await dialling.recover(house, dead_by=house.clock.now())  # it is forgotten now
    assert await node.claim() == []
    assert len(await (await Node.of(house)).claim()) == 1


async def test_a_dead_nodes_late_report_changes_nothing(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1), notify_url=HOOK)
    (dial,) = await node.dial_all()
    clock.advance(seconds=LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    before = await alice.balance(), await alice.states(placing.campaign), await alice.events()
    await end(house, [dial])
    await house.calls.progress([Progress(dial.call_id, dial.attempt, clock.now(), clock.now())])
    assert (await alice.balance(), await alice.states(placing.campaign), await alice.events()) == before
    assert (await house.campaigns.call(alice.id, placing.campaign, 1)).outcome is Outcome.LOST
    assert await credit.check_ledger(house) == []


async def test_a_report_that_was_filed_before_the_node_died_counts(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1))
    (dial,) = await node.dial_all()
    await file(house, (dial, report(dial)))
    clock.advance(seconds=LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    assert await alice.states(placing.campaign) == [CallState.FINISHED]


async def test_a_node_without_calls_is_forgotten_when_it_is_dead(
    house: House, node: Node, clock: ManualClock, url: str
) -> None:
    clock.advance(seconds=LEASE_S)
    await dialling.recover(house, dead_by=house.clock.now())
    assert counts(url, "node") == [0]


async def test_calls_of_a_node_that_has_left_are_taken_care_of(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    """A node that is stopped between claiming and dialling leaves calls behind; they must not be lost."""
    placing = await alice.send(numbers(2))
    await node.dial(await node.claim(1))
    await node.claim(1)
    await house.calls.leave(node.number)
    clock.advance(seconds=10 * LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    assert sorted(await alice.states(placing.campaign)) == [CallState.READY, CallState.UNCERTAIN]
