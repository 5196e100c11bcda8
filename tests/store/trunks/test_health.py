"""How routes fare, on a real PostgreSQL: those that rest, and come back by themselves."""

from __future__ import annotations

from portevoix.domain.call import CallState, Outcome
from portevoix.domain.number import Number
from portevoix.domain.routing import RESTING, Heard
from portevoix.ports import House
from portevoix.service import routing
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, end, numbers
from tests.trunks import add_route, add_trunk

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))


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
