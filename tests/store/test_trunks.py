"""Trunks on a real PostgreSQL: their limits over all nodes, who waits for them, how routes fare, caps and alarms."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.account import State
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import Kind, RecipientsRefused
from portevoix.domain.dialling import Dial
from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.routing import RESTING, Heard, Hours, NoDepositRoute, NoRoute, Serves
from portevoix.domain.safety import Cap, CapReached, Safety
from portevoix.domain.trunk import CallerId, Credentials, DialTemplate, NumberFormat, Server
from portevoix.ports import House
from portevoix.service import campaigns, credit, dialling, routing, settlement
from portevoix.service.reading import find_access
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, end, file, numbers, report
from tests.trunks import add_route, add_trunk, policy, trunk_of

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))
NODES = 3


@pytest.fixture
async def house(url: str, clock: ManualClock) -> AsyncIterator[House]:
    """A house whose trunks take numbers of fiction."""
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy()) as opened:
        yield opened.house


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice", mode=Mode.LIVE)


@pytest.fixture
async def bob(house: House) -> Customer:
    return await Customer.of(house, "Bob", mode=Mode.LIVE)


@pytest.fixture
async def node(house: House) -> Node:
    return await Node.of(house)


async def all_nodes(house: House, count: int = NODES) -> list[Node]:
    return [await Node.of(house) for _ in range(count)]


async def dial_at_once(nodes: Sequence[Node]) -> list[Dial]:
    """Have all nodes claim and dial at the same time."""
    return [dial for dials in await asyncio.gather(*(one.dial_all() for one in nodes)) for dial in dials]


# what is kept


async def test_a_trunk_and_its_routes_are_read_as_they_were_kept(house: House) -> None:
    kept = trunk_of(
        "ovh",
        server=Server("sip.example.test", 5070),
        credentials=Credentials("portevoix", "s3cret"),
        registers=True,
        caller_id=CallerId(Number.parse("01 99 00 12 34"), ("3319900*",), NumberFormat.NATIONAL, is_asserted=False),
        calls_max=7,
        calls_per_s=2,
    )
    trunk = await house.trunks.add(kept)
    assert trunk.id > 0
    (sight,) = await house.trunks.all()
    assert (sight.trunk, sight.under_way, sight.down_until) == (trunk, 0, None)
    route = await add_route(
        house,
        trunk,
        "336",
        serves=Serves.DEPOSIT,
        priority=3,
        weight=9,
        dial=DialTemplate("*88{national}; X-Deposit: yes"),
        hours=Hours("mon-fri 08:00-20:00"),
        price_micros=12_345,
    )
    assert await house.trunks.routes() == [route]
    with pytest.raises(AlreadyExists):
        await house.trunks.add(kept)
    with pytest.raises(AlreadyExists):
        await house.trunks.add_route(route)
    await house.trunks.remove("ovh")
    assert (await house.trunks.all(), await house.trunks.routes()) == ([], [])
    with pytest.raises(NotFound):
        await house.trunks.remove("ovh")
    with pytest.raises(NotFound):
        await house.trunks.remove_route(route.name)


async def test_a_password_is_in_nothing_that_is_printed(house: House) -> None:
    trunk = await add_trunk(house, credentials=Credentials("portevoix", "s3cret"))
    route = await add_route(house, trunk)
    assert "s3cret" not in f"{trunk!r} {route!r} {await house.trunks.all()!r}"


# who is called over what


async def test_a_live_accounts_call_goes_over_the_trunk_of_its_route(house: House, alice: Customer, node: Node) -> None:
    caller = CallerId(Number.parse("01 99 00 12 34"), format=NumberFormat.DIGITS)
    trunk = await add_trunk(house, caller_id=caller)
    await add_route(house, trunk, dial=DialTemplate("{national}"))
    await alice.send(MOBILES[:1])
    (dial,) = await node.dial_all()
    assert dial.path is not None
    assert (dial.path.trunk, dial.path.target.user, dial.path.caller) == (trunk, "0639980000", "33199001234")
    assert dial.refused is None
    await end(house, [dial])
    assert await credit.check_ledger(house) == []


async def test_a_sandbox_stays_with_the_simulator(house: House, node: Node) -> None:
    await add_route(house, await add_trunk(house))
    sandbox = await Customer.of(house)
    await sandbox.send(MOBILES[:1])
    (dial,) = await node.dial_all()
    assert (dial.path, dial.refused) == (None, None)


async def test_without_a_route_a_live_account_sends_nothing_and_is_charged_nothing(
    house: House, alice: Customer
) -> None:
    before = await alice.balance()
    with pytest.raises(NoRoute):
        await alice.send(MOBILES[:2])
    await add_route(house, await add_trunk(house), "44")
    with pytest.raises(NoRoute):
        await alice.send(MOBILES[:2])
    assert await alice.balance() == before


async def test_a_deposit_on_a_mobile_needs_a_route_for_deposits(house: House, alice: Customer, node: Node) -> None:
    trunk = await add_trunk(house)
    await add_route(house, trunk)
    with pytest.raises(NoDepositRoute):
        await alice.send(MOBILES[:1], Kind.DEPOSIT)
    landline = Number.parse("01 99 00 05 00")
    with pytest.raises(RecipientsRefused) as refused:
        await alice.send([MOBILES[0], landline], Kind.DEPOSIT)
    assert [(one.text, "deposits" in one.reason) for one in refused.value.refused] == [(str(MOBILES[0]), True)]
    await alice.send([landline], Kind.DEPOSIT)
    await add_route(house, trunk, serves=Serves.DEPOSIT, dial=DialTemplate("*88{digits}"))
    await alice.send(MOBILES[:1], Kind.DEPOSIT)
    targets = {str(dial.number): dial.path and dial.path.target.user for dial in await node.dial_all()}
    assert targets == {str(landline): "+33199000500", str(MOBILES[0]): "*8833639980000"}


async def test_a_quote_is_refused_as_the_send_would_be(house: House, alice: Customer) -> None:
    access = await find_access(house, alice.key)
    order = campaigns.Order(kind=Kind.VOICE, numbers=MOBILES[:1], token=alice.token)
    with pytest.raises(NoRoute):
        await campaigns.quote(house, access, order)
    await add_route(house, await add_trunk(house))
    abroad = Number.parse("+44 20 7946 0123")
    quoted = await campaigns.quote(
        house, access, campaigns.Order(kind=Kind.VOICE, numbers=(*MOBILES[:1], abroad), token=alice.token)
    )
    assert [one.number for one in quoted.priced] == [MOBILES[0]]
    assert [one.text for one in quoted.refused] == [str(abroad)]


async def test_what_was_forbidden_after_it_was_sent_is_not_dialled_and_costs_nothing(
    url: str, house: House, alice: Customer, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house))
    placing = await alice.send(MOBILES[:1])
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy(Safety())) as stricter:
        (dial,) = await (await Node.of(stricter.house)).dial_all()
        assert dial.path is None
        assert dial.refused is not None
        assert (dial.refused.outcome, "fiction" in dial.refused.trace[0].detail) == (Outcome.BLOCKED, True)
        await settlement.settle(stricter.house, await file(stricter.house, (dial, dial.refused)))
    assert await alice.states(placing.campaign) == [CallState.FAILED]
    (attempt,) = await house.campaigns.attempts(alice.id, placing.campaign, 1)
    assert (attempt.route, [one.what for one in attempt.trace]) == ("none", ["not_dialled"])
    assert (await alice.balance())[1] == 0


async def test_a_call_whose_route_was_removed_after_it_was_sent_fails(
    house: House, alice: Customer, node: Node
) -> None:
    await add_route(house, await add_trunk(house))
    placing = await alice.send(MOBILES[:1])
    await house.trunks.remove("bench")
    (dial,) = await node.dial_all()
    assert dial.refused is not None
    await settlement.settle(house, await file(house, (dial, dial.refused)))
    assert await alice.states(placing.campaign) == [CallState.FAILED]


# the next route


async def test_a_route_that_fails_is_followed_by_the_next_one_each_once(
    house: House, alice: Customer, node: Node
) -> None:
    for priority, name in enumerate(("alpha", "beta", "gamma")):
        await add_route(house, await add_trunk(house, name), priority=priority)
    placing = await alice.send(MOBILES[:1])
    tried = []
    for _ in range(3):
        (dial,) = await node.dial_all()
        assert dial.path is not None
        tried.append(dial.path.trunk.name)
        await fail_at_once(house, dial)
    assert tried == ["alpha", "beta", "gamma"]
    assert await alice.states(placing.campaign) == [CallState.FAILED]


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.CONGESTION])
async def test_an_answer_of_the_recipient_is_never_tried_over_another_trunk(
    house: House, alice: Customer, node: Node, outcome: Outcome
) -> None:
    for priority, name in enumerate(("alpha", "beta")):
        await add_route(house, await add_trunk(house, name), priority=priority)
    await alice.send(MOBILES[:1])
    await end(house, await node.dial_all(), outcome)
    assert await node.dial_all() == []


async def fail_at_once(house: House, dial: Dial) -> None:
    """End a call by the fault of its route, in no time."""
    await settlement.settle(house, await file(house, (dial, report(dial, Outcome.CONGESTION, seconds=0))))


async def test_routes_that_were_added_or_removed_between_two_tries_do_not_shift_what_was_tried(
    house: House, alice: Customer, node: Node
) -> None:
    async def next_trunk() -> tuple[str, Dial]:
        (dial,) = await node.dial_all()
        assert dial.path is not None
        return dial.path.trunk.name, dial

    await add_route(house, await add_trunk(house, "second"), priority=20)
    await add_route(house, await add_trunk(house, "third"), priority=30)
    await alice.send(MOBILES[:1])
    name, dial = await next_trunk()
    assert name == "second"
    await add_route(house, await add_trunk(house, "first"), priority=10)
    await fail_at_once(house, dial)
    name, dial = await next_trunk()
    assert name == "first"
    await house.trunks.remove("first")
    await fail_at_once(house, dial)
    name, dial = await next_trunk()
    assert name == "third"


# limits over all nodes


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
    await settlement.settle(house, await dialling.recover(house))
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


# how routes fare


async def fail(house: House, node: Node, customer: Customer, times: int, clock: ManualClock) -> None:
    for _ in range(times):
        await customer.send(MOBILES[:1])
        await end(house, await node.dial_all(), Outcome.CONGESTION)
        clock.advance(seconds=1)


async def test_a_route_that_fails_in_a_row_rests_and_is_put_back_by_itself(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house, "bad"), priority=1)
    await fail(house, node, alice, RESTING.failures, clock)
    (route,) = await house.trunks.routes()
    assert route.is_down(clock.now())
    await add_route(house, await add_trunk(house, "good"), priority=2)
    await alice.send(MOBILES[:1])
    (dial,) = await node.dial_all()
    assert dial.path is not None
    assert dial.path.trunk.name == "good"
    await end(house, [dial])
    clock.advance(seconds=RESTING.first_s)
    await house.calls.renew(node.number, 600)
    await alice.send(MOBILES[:1])
    (dial,) = await (await Node.of(house)).dial_all()
    assert dial.path is not None
    assert dial.path.trunk.name == "bad"
    await end(house, [dial])
    assert [one.down_until for one in await house.trunks.routes()] == [None, None]


async def test_one_success_is_the_end_of_a_row_of_failures(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house))
    await fail(house, node, alice, RESTING.failures - 1, clock)
    await alice.send(MOBILES[:1])
    await end(house, await node.dial_all(), Outcome.BUSY)
    clock.advance(seconds=1)
    await fail(house, node, alice, RESTING.failures - 1, clock)
    (route,) = await house.trunks.routes()
    assert route.down_until is None


async def test_each_further_failure_makes_a_route_rest_twice_as_long_up_to_a_limit(
    house: House, clock: ManualClock
) -> None:
    route = await add_route(house, await add_trunk(house))
    rests = []
    await house.trunks.heard([Heard(route.name, RESTING.failures - 1, recovered=False)], RESTING)
    for _ in range(8):
        await house.trunks.heard([Heard(route.name, 1, recovered=False)], RESTING)
        (now,) = await house.trunks.routes()
        assert now.down_until is not None
        rests.append((now.down_until - clock.now()).total_seconds())
    assert rests == [30, 60, 120, 240, 480, 600, 600, 600]


async def test_a_call_whose_routes_all_rest_waits_for_the_first_of_them(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    await add_route(house, await add_trunk(house))
    placing = await alice.send(MOBILES[:1])
    await house.trunks.heard([Heard("bench-33", RESTING.failures, recovered=False)], RESTING)
    assert await node.dial_all() == []
    assert await alice.states(placing.campaign) == [CallState.READY]
    assert await node.claim() == [], "it is not looked at meanwhile"
    clock.advance(seconds=RESTING.first_s)
    assert len(await (await Node.of(house)).dial_all()) == 1


async def test_a_trunk_that_does_not_answer_is_left_alone_until_it_does(
    house: House, alice: Customer, node: Node, clock: ManualClock
) -> None:
    down = await add_trunk(house, "down")
    await add_route(house, down, priority=1)
    await add_route(house, await add_trunk(house, "up"), priority=2)

    async def next_trunk() -> str:
        clock.advance(seconds=1)
        await alice.send(MOBILES[:1])
        (dial,) = await node.dial_all()
        assert dial.path is not None
        return dial.path.trunk.name

    await routing.hear_trunk(house, down.id, is_reachable=False)
    assert await next_trunk() == "up"
    await routing.hear_trunk(house, down.id, is_reachable=True)
    assert await next_trunk() == "down"


async def test_calls_that_wait_for_a_full_trunk_are_called_over_another_when_it_goes_down(
    house: House, alice: Customer, node: Node
) -> None:
    full = await add_trunk(house, "full", calls_max=1)
    await add_route(house, full, priority=1)
    await add_route(house, await add_trunk(house, "spare"), priority=2)
    await alice.send(MOBILES[:4])
    await node.dial_all()
    assert await node.dial_all() == []
    await routing.hear_trunk(house, full.id, is_reachable=False)
    assert [dial.path and dial.path.trunk.name for dial in await node.dial_all()] == ["spare"] * 3


# caps and alarms


@pytest.fixture
async def capped(url: str, clock: ManualClock) -> AsyncIterator[House]:
    safety = Safety(fiction=True, account=Cap(10, None), prefixes={"336": Cap(4)}, alarm_calls=8)
    async with bootstrap.open_house(url, PEPPER.encode(), clock=clock, policy=policy(safety)) as opened:
        await add_route(opened.house, await add_trunk(opened.house))
        yield opened.house


async def test_a_days_cap_refuses_the_whole_message_and_charges_nothing(capped: House, clock: ManualClock) -> None:
    alice, bob = [await Customer.of(capped, name, mode=Mode.LIVE) for name in ("Alice", "Bob")]
    await alice.send(LANDLINES[:8])
    before = await alice.balance()
    with pytest.raises(CapReached):
        await alice.send(LANDLINES[:3])
    assert await alice.balance() == before
    await alice.send(LANDLINES[:2])
    await bob.send(LANDLINES[:10])
    clock.advance(days=1)
    await alice.send(LANDLINES[:10])


async def test_a_prefix_has_a_cap_of_its_own(capped: House) -> None:
    alice = await Customer.of(capped, mode=Mode.LIVE)
    await alice.send(MOBILES[:4])
    with pytest.raises(CapReached, match="336"):
        await alice.send(MOBILES[:1])
    await alice.send(LANDLINES[:1])


async def test_sends_at_once_do_not_get_past_a_cap_together(capped: House) -> None:
    alice = await Customer.of(capped, mode=Mode.LIVE)
    sent = await asyncio.gather(*(alice.send(LANDLINES[:3]) for _ in range(8)), return_exceptions=True)
    assert Counter(type(one).__name__ for one in sent) == {"Placing": 3, "CapReached": 5}


async def test_a_sandbox_has_no_cap(capped: House) -> None:
    await (await Customer.of(capped)).send(MOBILES[:20])


async def test_a_high_velocity_is_told_once_an_hour(capped: House, clock: ManualClock) -> None:
    alice = await Customer.of(capped, mode=Mode.LIVE)
    await alice.send(LANDLINES[:7])
    assert await capped.trunks.alarms(8) == []
    await alice.send(LANDLINES[:1])
    assert await capped.trunks.alarms(8) == [(alice.id, 8)]
    assert await capped.trunks.alarms(8) == []
    assert (await alice.events()).count("velocity.high") == 1
    clock.advance(days=9)
    await capped.trunks.forget()
    await alice.send(LANDLINES[:10])
