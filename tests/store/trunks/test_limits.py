"""The limits of a trunk over all nodes, on a real PostgreSQL: who gets its room, and who waits for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import psycopg

from portevoix.domain.account import State
from portevoix.domain.call import CallState
from portevoix.domain.dialling import Dial
from portevoix.domain.number import Number
from portevoix.ports import House
from portevoix.service import credit, dialling, settlement
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, end, numbers
from tests.trunks import add_route, add_trunk

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))
NODES = 3


async def all_nodes(house: House, count: int = NODES) -> list[Node]:
    return [await Node.of(house) for _ in range(count)]


async def dial_at_once(nodes: Sequence[Node]) -> list[Dial]:
    """Have all nodes claim and dial at the same time."""
    return [dial for dials in await asyncio.gather(*(one.dial_all() for one in nodes)) for dial in dials]


async def test_nodes_together_never_have_more_calls_over_a_trunk_than_it_takes(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house, calls_max=7))
    placing = await alice.send(MOBILES[:40])
    nodes, ended = await all_nodes(house), 0
    while ended < 40:
        dials = await dial_at_once(nodes)
        dials += await dial_at_once(nodes)
        assert len(dials) == min(7, 40 - ended)
        assert (await house.trunks.all())[0].under_way == len(dials)
        await end(house, dials)
        ended += len(dials)
        clock.advance(seconds=1)
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 40
    assert await credit.check_ledger(house) == []


async def test_nodes_together_never_begin_more_calls_a_second_than_a_trunk_takes(
    house: House, alice: Customer, clock: ManualClock, url: str
) -> None:
    await add_route(house, await add_trunk(house, calls_max=1_000, calls_per_s=10))
    await alice.send(MOBILES[:60])
    nodes = await all_nodes(house)
    for _ in range(40):
        await dial_at_once(nodes)
        clock.advance(seconds=0.1)
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT dialed_at FROM attempt ORDER BY dialed_at").fetchall()
    began = [at for (at,) in rows]
    for span, most in ((timedelta(seconds=1), 10), (timedelta(milliseconds=200), 2)):
        windows = [sum(at <= other < at + span for other in began) for at in began]
        assert max(windows) == most, span
    assert len(began) >= 35, "it is used up as well"


async def test_a_call_that_ends_makes_room_for_one_that_waits(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house, calls_max=1))
    await alice.send(MOBILES[:2])
    one, other = await all_nodes(house, 2)
    (first,) = await one.dial_all()
    assert (await one.claim(), await other.claim()) == ([], [])
    clock.advance(seconds=5)
    assert (await one.claim(), await other.claim()) == ([], []), "it waits however long the other lasts"
    await end(house, [first])
    assert len(await other.dial_all()) == 1


async def test_room_comes_back_from_a_node_that_was_lost(house: House, alice: Customer, clock: ManualClock) -> None:
    await add_route(house, await add_trunk(house, calls_max=1))
    await alice.send(MOBILES[:2])
    lost, other = await all_nodes(house, 2)
    await lost.dial_all()
    clock.advance(seconds=10)
    await house.calls.renew(other.number, 60)
    clock.advance(seconds=10)
    await settlement.settle(house, await dialling.recover(house, dead_by=house.clock.now()))
    assert len(await other.dial_all()) == 1


async def test_what_waits_for_a_full_trunk_is_not_claimed_again_and_again(
    house: House, alice: Customer, node: Node, clock: ManualClock, url: str
) -> None:
    await add_route(house, await add_trunk(house, calls_max=2))
    await alice.send(MOBILES[:50])
    for _ in range(5):
        await node.dial_all()
        clock.advance(seconds=1)
    before = version_count(url)
    for _ in range(20):
        assert await node.claim() == []
    assert version_count(url) == before


def version_count(url: str) -> int:
    """How often calls were written to."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute("SELECT sum(xmin::text::bigint) FROM call").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_full_trunk_holds_up_neither_another_nor_the_account_that_fills_it(
    house: House, alice: Customer, bob: Customer, node: Node
) -> None:
    await add_route(house, await add_trunk(house, "small", calls_max=1), "336")
    await add_route(house, await add_trunk(house, "large"), "331")
    await alice.send(MOBILES[:100])
    await node.dial_all(8)
    await alice.send(LANDLINES[:5])
    await bob.send(LANDLINES[5:10])
    dials = [dial for _ in range(5) for dial in await node.dial_all(8)]
    assert Counter((dial.account_id, dial.path and dial.path.trunk.name) for dial in dials) == {
        (alice.id, "large"): 5,
        (bob.id, "large"): 5,
    }


async def test_accounts_share_a_trunk_in_equal_parts(house: House, alice: Customer, bob: Customer, node: Node) -> None:
    await add_route(house, await add_trunk(house, calls_max=4))
    await alice.send(MOBILES[:90])
    await bob.send(MOBILES[90:100])
    dials = await node.dial_all()
    assert Counter(dial.account_id for dial in dials) == {alice.id: 2, bob.id: 2}


async def test_a_paused_campaign_and_a_disabled_account_wait_whatever_room_there_is(
    house: House, alice: Customer, bob: Customer, node: Node
) -> None:
    await add_route(house, await add_trunk(house))
    paused = await alice.send(MOBILES[:1])
    claimed = await node.claim()
    await alice.pause(paused.campaign)
    assert await node.dial(claimed) == []
    assert await alice.states(paused.campaign) == [CallState.PAUSED]
    await bob.send(MOBILES[:1])
    await house.accounts.set_state(bob.ref, State.DISABLED)
    assert await node.claim() == []


async def test_a_node_without_the_engine_leaves_calls_to_those_that_have_it(house: House, alice: Customer) -> None:
    await add_route(house, await add_trunk(house))
    await alice.send(MOBILES[:3])
    without, with_it = await all_nodes(house, 2)
    claimed = await without.claim()
    assert await dialling.begin(house, without.number, claimed, ("simulator",), ()) == []
    rooms = await dialling.rooms(house, ())
    assert await dialling.claim_due(house, without.number, 256, 256, {}, rooms) == []
    assert len(await with_it.dial_all()) == 3
