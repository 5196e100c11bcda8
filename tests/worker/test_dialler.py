"""The dialler on a real PostgreSQL: what is dialled, when, how fast, and never twice."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.bootstrap.background import CANCEL_AGAIN_S
from portevoix.domain.call import Answerer, CallState, Outcome, Report, Retries
from portevoix.domain.dialling import Conclusion, Dial
from portevoix.domain.errors import Unavailable
from portevoix.domain.magic import script
from portevoix.ports import House
from portevoix.service import credit
from portevoix.worker import dialler as dialler_module
from portevoix.worker.dialler import Terms
from portevoix.worker.pace import Pace
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S, ManualClock
from tests.store.test_calls import CALL_MICROS, MICROS, Customer, many_numbers, numbers
from tests.wire.cable import Cable
from tests.worker.conftest import FREE, Phones, Tally, WatchedCalls, at_work, dialler


@pytest.fixture
def settled() -> Tally[Conclusion]:
    """What was settled."""
    return Tally()


async def test_a_send_on_an_idle_system_is_dialled_at_once_and_not_at_the_next_look(
    house: House, hearing: None, alice: Customer, settled: Tally[Conclusion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialler_module, "POLL_S", 100 * PATIENCE_S)
    phones = Phones()
    async with at_work(dialler(house, phones, on_settled=settled.extend)):
        for count in range(1, 4):
            await alice.send(numbers(1))
            await phones.dials.wait_for(count)
            await settled.wait_for(count)


async def test_without_signals_a_send_is_dialled_at_the_next_look(house: House, alice: Customer) -> None:
    phones = Phones()
    async with at_work(dialler(house, phones)):
        await alice.send(numbers(1))
        await phones.dials.wait_for(1)


async def test_what_is_dialled_is_settled_and_told_on_the_way(
    opened: bootstrap.Opened, alice: Customer, settled: Tally[Conclusion]
) -> None:
    watched = WatchedCalls(opened)
    phones = Phones(are_held=True)
    placing = await alice.send(numbers(3))
    async with at_work(dialler(dataclasses.replace(opened.house, calls=watched), phones, on_settled=settled.extend)):
        await watched.said.wait_for(3)
        assert await alice.states(placing.campaign) == [CallState.RINGING] * 3
        phones.release()
        await settled.wait_for(3)
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 3
    assert await alice.balance() == (100 * MICROS - 3 * CALL_MICROS, 0)
    assert await credit.check_ledger(opened.house) == []


async def test_twenty_thousand_waiting_calls_of_one_account_never_hold_up_anothers_single_call(
    opened: bootstrap.Opened, alice: Customer, bob: Customer
) -> None:
    rich = await Customer.of(opened.house, "Rich", euros=1_000)
    await rich.send(many_numbers(20_000))
    await alice.send(numbers(1))
    watched, phones = WatchedCalls(opened), Phones(are_held=True)
    house = dataclasses.replace(opened.house, calls=watched)
    async with at_work(
        dialler(house, phones, terms=Terms("test", Pace(16, FREE.per_second), Pace(8, FREE.per_second)))
    ):
        (first, *_) = await watched.claimed.wait_for(1)
        assert Counter(one.account_id for one in first) == {rich.id: 8, alice.id: 1}
        await phones.dials.wait_for(9)
        await bob.send(numbers(1))  # while as many of the large campaign are under way as may be
        dials = await phones.dials.wait_for(10)
        assert dials[9].account_id == bob.id


async def test_no_more_calls_are_under_way_than_the_route_and_each_account_may_have(
    house: House, hearing: None, alice: Customer, bob: Customer, settled: Tally[Conclusion]
) -> None:
    await alice.send(numbers(40))
    await bob.send(numbers(40))
    phones = Phones(are_held=True)
    terms = Terms("test", Pace(5, FREE.per_second), Pace(3, FREE.per_second))
    async with at_work(dialler(house, phones, terms=terms, on_settled=settled.extend)):
        await phones.dials.wait_for(5)
        phones.release()
        await settled.wait_for(80)
    assert phones.most_at_once[0] == 5
    assert max(phones.most_at_once[alice.id], phones.most_at_once[bob.id]) == 3


async def test_no_more_calls_begin_a_second_than_the_route_may_begin(
    house: House, hearing: None, alice: Customer, clock: ManualClock
) -> None:
    await alice.send(numbers(12))
    phones = Phones(are_held=True)
    began = clock.now()
    async with at_work(dialler(house, phones, terms=Terms("test", Pace(100, 10), FREE, lease_s=60))):
        await phones.dials.wait_for(2)
        for count in range(3, 13):
            clock.advance(seconds=0.1)
            await phones.dials.wait_for(count)
    moments = Counter((dial.at - began).total_seconds() for dial in phones.dials.all)
    assert moments == {0.0: 2} | {tick / 10: 1 for tick in range(1, 11)}


async def test_no_more_calls_begin_a_second_than_each_account_may_begin(
    house: House, hearing: None, alice: Customer, bob: Customer, clock: ManualClock
) -> None:
    for one in (alice, bob):
        await one.send(numbers(6))
    phones = Phones(are_held=True)
    async with at_work(dialler(house, phones, terms=Terms("test", FREE, Pace(100, 10), lease_s=60))):
        for count in (4, 8, 12):
            await phones.dials.wait_for(count)
            clock.advance(seconds=0.2)
    moments = Counter((dial.account_id, dial.at) for dial in phones.dials.all)
    assert set(moments.values()) == {2}
    assert len(moments) == 6


async def test_what_is_paused_waits_and_what_is_resumed_is_dialled(
    house: House, hearing: None, alice: Customer, bob: Customer, settled: Tally[Conclusion]
) -> None:
    placing = await alice.send(numbers(6))
    phones = Phones(are_held=True)
    terms = Terms("test", FREE, Pace(2, FREE.per_second))
    async with at_work(dialler(house, phones, terms=terms, on_settled=settled.extend)):
        await phones.dials.wait_for(2)
        await alice.pause(placing.campaign)
        phones.release()
        await settled.wait_for(2)
        await bob.send(numbers(2))
        await settled.wait_for(4)
        assert Counter(dial.account_id for dial in phones.dials.all) == {alice.id: 2, bob.id: 2}
        assert Counter(await alice.states(placing.campaign)) == {CallState.FINISHED: 2, CallState.PAUSED: 4}
        await alice.resume(placing.campaign)
        await settled.wait_for(8)
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 6


async def test_what_is_cancelled_is_not_dialled_and_what_is_under_way_comes_to_its_end(
    house: House, hearing: None, alice: Customer, bob: Customer, settled: Tally[Conclusion]
) -> None:
    placing = await alice.send(numbers(6), retries=Retries(3, 1))
    phones = Phones(are_held=True)
    terms = Terms("test", FREE, Pace(2, FREE.per_second))
    async with at_work(dialler(house, phones, terms=terms, on_settled=settled.extend)):
        await phones.dials.wait_for(2)
        assert await alice.cancel(placing.campaign) == 4 * CALL_MICROS
        phones.release()
        await bob.send(numbers(2))
        await settled.wait_for(4)
    assert Counter(dial.account_id for dial in phones.dials.all) == {alice.id: 2, bob.id: 2}
    assert Counter(await alice.states(placing.campaign)) == {CallState.FINISHED: 2, CallState.CANCELLED: 4}
    assert await alice.balance() == (100 * MICROS - 2 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


def _fail(dial: Dial) -> Report:
    raise RuntimeError("the carrier has a defect")


async def test_a_call_whose_carrier_raises_is_lost_and_never_dialled_again(
    house: House, hearing: None, alice: Customer, settled: Tally[Conclusion], clock: ManualClock
) -> None:
    broken, sound = Phones(_fail, name="broken"), Phones(name="sound")
    placing = await alice.send(numbers(2), retries=Retries(3, 1))
    async with at_work(dialler(house, broken, sound, on_settled=settled.extend)):
        concluded = await settled.wait_for(2)
        assert {one.filed.report.outcome for one in concluded} == {Outcome.LOST}
        clock.advance(seconds=0.5)
        await alice.send(numbers(1))  # two rounds at least go by
        await settled.wait_for(3)
        await alice.send(numbers(1))
        await settled.wait_for(4)
    assert Counter(broken.asked()).most_common(1)[0][1] == 1
    assert (len(broken.dials.all), sound.dials.all) == (4, [])
    assert await alice.states(placing.campaign) == [CallState.UNCERTAIN] * 2
    assert await alice.balance() == (100 * MICROS, 0)
    assert await credit.check_ledger(house) == []


@pytest.mark.parametrize("count", [1, 50, 300])
async def test_a_dialler_that_is_ended_hangs_up_and_its_calls_are_lost_and_their_holds_end(
    house: House, alice: Customer, url: str, count: int
) -> None:
    placing = await alice.send(numbers(count), retries=Retries(3, 1))
    phones = Phones(are_held=True)
    async with at_work(dialler(house, phones)):
        await phones.dials.wait_for(count)
    assert len(phones.hung_up) == count
    assert set(await alice.states(placing.campaign)) == {CallState.UNCERTAIN}
    assert await alice.balance() == (100 * MICROS, 0)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT lease_until::text FROM node").fetchall() == [("-infinity",)]
    assert await credit.check_ledger(house) == []


async def test_a_dialler_that_drains_lets_its_calls_end_and_begins_no_other(
    house: House, hearing: None, alice: Customer, settled: Tally[Conclusion]
) -> None:
    placing = await alice.send(numbers(2))
    phones = Phones(are_held=True)
    node = dialler(house, phones, on_settled=settled.extend)
    async with at_work(node):
        await phones.dials.wait_for(2)
        draining = asyncio.create_task(node.drain(PATIENCE_S))
        later = await alice.send(numbers(1))
        phones.release()
        await draining
    assert (len(phones.dials.all), phones.hung_up) == (2, [])
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 2
    assert await alice.states(later.campaign) == [CallState.READY], "another node takes it"
    assert await credit.check_ledger(house) == []


async def test_a_dialler_that_drains_hangs_up_what_is_left_when_the_time_is_up(house: House, alice: Customer) -> None:
    placing = await alice.send(numbers(2))
    phones = Phones(are_held=True)
    node = dialler(house, phones)
    async with at_work(node):
        await phones.dials.wait_for(2)
        await node.drain(0)
    assert len(phones.hung_up) == 2
    assert await alice.states(placing.campaign) == [CallState.UNCERTAIN] * 2
    assert await credit.check_ledger(house) == []


class Filing(WatchedCalls):
    """Keeping reports takes long, or fails until it is told to go on."""

    takes_s = 0.0
    fails = False

    async def file(self, reports: Any) -> None:
        """Keep reports."""
        await asyncio.sleep(self.takes_s)
        if self.fails:
            self.filed_reports.add(0)
            raise Unavailable("the database cannot be reached")
        await super().file(reports)


async def test_a_dialler_that_is_ended_again_and_again_files_all_the_same_and_leaves(
    opened: bootstrap.Opened, hearing: None, alice: Customer, url: str
) -> None:
    calls, phones = Filing(opened), Phones(are_held=True)
    placing = await alice.send(numbers(2))
    node = dialler(dataclasses.replace(opened.house, calls=calls), phones)
    async with at_work(node):
        await phones.dials.wait_for(2)
        calls.takes_s = 1.5 * CANCEL_AGAIN_S
    assert await alice.states(placing.campaign) == [CallState.UNCERTAIN] * 2
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT lease_until::text FROM node").fetchall() == [("-infinity",)]


async def test_a_dialler_that_drains_waits_for_a_database_that_is_away_when_its_calls_end(
    opened: bootstrap.Opened, hearing: None, alice: Customer
) -> None:
    calls, phones = Filing(opened), Phones(are_held=True)
    placing = await alice.send(numbers(2))
    node = dialler(dataclasses.replace(opened.house, calls=calls), phones)
    async with at_work(node):
        await phones.dials.wait_for(2)
        calls.fails = True
        draining = asyncio.create_task(node.drain(PATIENCE_S))
        phones.release()
        await calls.filed_reports.wait_for(2)
        calls.fails = False
        await draining
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 2


async def test_while_the_database_is_away_nothing_is_lost_and_afterwards_it_goes_on(
    house: House, alice: Customer, url: str, tmp_path: Path, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    cable = Cable(url, tmp_path)
    await cable.plug()
    placing = await alice.send(numbers(5))
    phones = Phones(are_held=True)
    async with (
        bootstrap.open_house(cable.url, PEPPER.encode(), clock=clock) as away,
        bootstrap.in_background(away.signals.listen()),
        at_work(dialler(away.house, phones, on_settled=settled.extend)),
    ):
        await phones.dials.wait_for(5)
        await cable.cut()
        phones.release()
        assert not await away.database.answers()
        later = await alice.send(numbers(3))
        await cable.plug()
        await settled.wait_for(8)
    await cable.cut()
    for sent in (placing, later):
        assert set(await alice.states(sent.campaign)) == {CallState.FINISHED}
    assert len(phones.asked()) == len(set(phones.asked())) == 8
    assert await credit.check_ledger(house) == []


async def test_two_diallers_dial_each_attempt_once(
    opened: bootstrap.Opened, hearing: None, url: str, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    """Over 500 calls of four accounts, each number with its own fate; every seventh fails over to another route."""

    def behave(dial: Dial) -> Report:
        if dial.call_id % 7 == 0 and dial.route == 0:
            return Report(Outcome.CONGESTION, dial.at)
        played = script(dial.number, dial.kind, 6, route=1)
        return Report(played.outcome, dial.at, None, None, Answerer.UNKNOWN)

    customers = [await Customer.of(opened.house, f"Account {number}") for number in range(4)]
    first, second = Phones(behave, name="first"), Phones(behave, name="second")
    terms = Terms("test", Pace(40, FREE.per_second), Pace(15, FREE.per_second))
    async with (
        bootstrap.open_house(url, PEPPER.encode(), clock=clock) as other,
        bootstrap.in_background(other.signals.listen()),
        at_work(
            *(dialler(one.house, first, second, terms=terms, on_settled=settled.extend) for one in (opened, other))
        ),
    ):
        placings = [await one.send(many_numbers(125)) for one in customers]
        async with asyncio.timeout(PATIENCE_S):
            while sum(one.is_over for one in settled.all) < 500:
                await settled.wait_for(len(settled.all) + 1)
    asked = first.asked() + second.asked()
    assert len(asked) == len(set(asked)) == len(settled.all)
    assert len(second.asked()) == len(asked) - 500 > 50
    for customer, placing in zip(customers, placings, strict=True):
        assert all(state.is_over for state in await customer.states(placing.campaign))
        assert (await customer.balance())[1] == 0
    assert await credit.check_ledger(opened.house) == []
