"""The states that the statements take are those of the domain's table."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from portevoix.domain.call import CallState, Outcome, Retries
from portevoix.domain.dialling import Progress
from portevoix.ports import House
from portevoix.service import credit, dialling, settlement
from tests.parts import ManualClock
from tests.store.test_calls import LEASE_S, Customer, Node, drain, end, numbers


async def test_the_whole_life_of_calls_follows_the_table(
    house: House, guarded: None, alice: Customer, node: Node, clock: ManualClock
) -> None:
    retried = await alice.send(numbers(2), retries=Retries(1, 10))
    first, second = await node.dial_all()
    rings = [Progress(dial.call_id, dial.attempt, clock.now()) for dial in (first, second)]
    await house.calls.progress(rings)
    await house.calls.progress(rings)
    await house.calls.progress([Progress(first.call_id, first.attempt, clock.now(), clock.now())])
    assert await alice.states(retried.campaign) == [CallState.ANSWERED, CallState.RINGING]
    await end(house, [first])
    await end(house, [second], Outcome.NO_ANSWER)
    assert await alice.states(retried.campaign) == [CallState.FINISHED, CallState.SCHEDULED]
    await alice.pause(retried.campaign)
    await alice.resume(retried.campaign)

    rerouted = await alice.send(numbers(3))
    for dial in await node.dial_all():
        await end(house, [dial], Outcome.CONGESTION)
    await alice.pause(rerouted.campaign)
    await alice.cancel(rerouted.campaign)

    later = await alice.send(numbers(2), due_at=clock.now() + timedelta(hours=1))
    await alice.pause(later.campaign)
    await alice.resume(later.campaign)
    await alice.cancel(later.campaign)

    lost = await alice.send(numbers(4))
    claimed = await node.claim()
    await node.dial(claimed[:2])
    clock.advance(seconds=LEASE_S)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    clock.advance(hours=1)
    await drain(house)
    for placing in (retried, rerouted, later, lost):
        assert all(state.is_over for state in await alice.states(placing.campaign))
    assert await credit.check_ledger(house) == []


async def test_a_claimed_call_that_goes_back_to_a_paused_campaign_follows_the_table(
    house: House, guarded: None, alice: Customer, node: Node
) -> None:
    placing = await alice.send(numbers(1))
    claimed = await node.claim()
    await alice.pause(placing.campaign)
    assert await node.dial(claimed) == []
    assert await alice.states(placing.campaign) == [CallState.PAUSED]


async def test_a_retry_of_a_paused_campaign_follows_the_table(
    house: House, guarded: None, alice: Customer, node: Node
) -> None:
    placing = await alice.send(numbers(1), retries=Retries(1, 10))
    dials = await node.dial_all()
    await alice.pause(placing.campaign)
    await end(house, dials, Outcome.BUSY)
    assert await alice.states(placing.campaign) == [CallState.SCHEDULED]


async def test_what_a_dead_node_had_claimed_of_a_paused_campaign_follows_the_table(
    house: House, guarded: None, alice: Customer, node: Node, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1))
    await node.claim()
    await alice.pause(placing.campaign)
    clock.advance(seconds=LEASE_S)
    await dialling.recover(house, dead_by=house.clock.now())
    assert await alice.states(placing.campaign) == [CallState.PAUSED]


async def test_the_trigger_of_these_tests_refuses_what_is_not_in_the_table(
    guarded: None, alice: Customer, node: Node, url: str
) -> None:
    await alice.send(numbers(1))
    await node.dial_all()
    with (
        psycopg.connect(url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="from dialing to claimed"),
    ):
        connection.execute("UPDATE call SET state = 'claimed'")
