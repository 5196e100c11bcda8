"""What an account may send in a day, and the alarm over a high velocity."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from portevoix import bootstrap
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.safety import Cap, CapReached, Safety
from portevoix.ports import House
from tests.conftest import PEPPER
from tests.parts import ManualClock
from tests.store.test_calls import Customer, numbers
from tests.trunks import add_route, add_trunk, policy

MOBILES = numbers(100)
LANDLINES = tuple(Number.parse(f"01 99 00 01 {tail:02}") for tail in range(20))


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
