"""Trunks and routes on a real PostgreSQL: who is called over what, and what follows a route that failed."""

from __future__ import annotations

import pytest

from portevoix import bootstrap
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import Kind, RecipientsRefused
from portevoix.domain.dialling import Dial
from portevoix.domain.errors import AlreadyExists, NotFound
from portevoix.domain.number import Number
from portevoix.domain.routing import Hours, NoDepositRoute, NoRoute, Serves
from portevoix.domain.safety import Safety
from portevoix.domain.trunk import CallerId, Credentials, DialTemplate, NumberFormat, Server
from portevoix.ports import House
from portevoix.service import campaigns, credit, settlement
from portevoix.service.reading import find_access
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import Customer, Node, end, file, numbers, report
from tests.trunks import add_route, add_trunk, policy, trunk_of

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))


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
