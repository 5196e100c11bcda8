"""Nodes that are taken for dead, and answers of the database that are lost: nobody's phone rings twice for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.call import CallState, Outcome, Retries
from portevoix.domain.dialling import Conclusion
from portevoix.domain.errors import Unavailable
from portevoix.ports import House
from portevoix.service import credit
from tests.parts import ManualClock
from tests.store.test_calls import CALL_MICROS, LEASE_S, MICROS, Customer, Node, numbers
from tests.worker.conftest import FORGETFUL, FREE, TERMS, Phones, Tally, WatchedCalls, at_work, dialler


@pytest.fixture
def settled() -> Tally[Conclusion]:
    """What was settled."""
    return Tally()


async def test_a_node_whose_lease_ended_dials_nothing_more(
    house: House, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    forgetful, other = Phones(are_held=True), Phones()
    await alice.send(numbers(1))
    async with at_work(dialler(house, forgetful, terms=FORGETFUL)):
        await forgetful.dials.wait_for(1)
        clock.advance(seconds=FORGETFUL.lease_s)
        async with at_work(dialler(house, other, on_settled=settled.extend)):
            await alice.send(numbers(20))
            concluded = await settled.wait_for(21)
    assert (len(forgetful.dials.all), len(other.dials.all)) == (1, 20)
    assert Counter(one.filed.report.outcome for one in concluded) == {Outcome.LOST: 1, Outcome.ANSWERED: 20}
    assert await alice.balance() == (100 * MICROS - 20 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


async def test_a_node_that_was_taken_for_dead_begins_anew_as_another(
    house: House, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion], url: str
) -> None:
    phones = Phones()
    async with at_work(dialler(house, phones, on_settled=settled.extend)):
        await alice.send(numbers(1))
        await settled.wait_for(1)
        clock.advance(seconds=TERMS.lease_s)
        await alice.send(numbers(5))
        await settled.wait_for(6)
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT name, id > 1 FROM node WHERE lease_until > %s", [clock.now()]
            ).fetchall() == [(TERMS.name, True)]
    assert len(set(phones.asked())) == len(phones.asked()) == 6


class BuriedOnTheWay(WatchedCalls):
    """The first claim that finds something reaches the database after its node was buried, and another has begun."""

    def __init__(self, opened: bootstrap.Opened, clock: ManualClock) -> None:
        super().__init__(opened)
        self.go_on = asyncio.Event()
        self._joined: Tally[int] = Tally()
        self._swept: Tally[int] = Tally()
        self._hand = clock

    async def join(self, *what: Any) -> int:
        """Begin as a node."""
        node = await super().join(*what)
        self._joined.add(node)
        return node

    async def forsake(self, most: int) -> Any:
        """Bury the dead."""
        found = await super().forsake(most)
        self._swept.add(1)
        return found

    async def claim(self, *what: Any) -> Any:
        """Take due calls, late."""
        if self.go_on.is_set() and len(self._joined.all) == 1:
            self._hand.advance(seconds=TERMS.lease_s)
            await self._swept.wait_for(len(self._swept.all) + 2)
            await self._joined.wait_for(2)
        return await super().claim(*what)


async def test_what_a_node_claims_that_was_buried_meanwhile_is_dialled_all_the_same(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    calls, phones = BuriedOnTheWay(opened, clock), Phones()
    async with at_work(dialler(replace(opened.house, calls=calls), phones, on_settled=settled.extend)):
        await calls._joined.wait_for(1)
        calls.go_on.set()
        await alice.send(numbers(3))
        await settled.wait_for(3)
    assert sorted(phones.asked()) == sorted({(one.id, 1) for batch in calls.claimed.all for one in batch})


async def test_what_a_dead_node_had_claimed_is_dialled_by_another_and_what_it_was_dialling_never_again(
    house: House, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    placing = await alice.send(numbers(5), retries=Retries(3, 1))
    dead = await Node.of(house)
    dialled = await dead.dial(await dead.claim(2))
    claimed = await dead.claim(2)
    phones = Phones()
    async with at_work(dialler(house, phones, on_settled=settled.extend)):
        await settled.wait_for(1)  # the one that nobody had claimed
        clock.advance(seconds=LEASE_S)
        await settled.wait_for(5)
    assert not {dial.call_id for dial in dialled} & {call for call, _ in phones.asked()}
    assert {(one.id, 1) for one in claimed} < set(phones.asked())
    assert len(phones.asked()) == 3
    assert Counter(await alice.states(placing.campaign)) == {CallState.FINISHED: 3, CallState.UNCERTAIN: 2}
    assert await alice.balance() == (100 * MICROS - 3 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


class Sleeping(WatchedCalls):
    """The node sleeps for longer than its lease when its first dialling is committed, and hears of it only then."""

    def __init__(self, opened: bootstrap.Opened, clock: ManualClock, joins: int) -> None:
        super().__init__(opened)
        self._joined: Tally[int] = Tally()
        self._joins = joins
        self._hand = clock

    async def join(self, *what: Any) -> int:
        """Begin as a node."""
        node = await super().join(*what)
        self._joined.add(node)
        return node

    async def dial(self, *what: Any) -> Any:
        """Commit that calls are dialled."""
        done = await super().dial(*what)
        if len(self._joined.all) == 1:
            self._hand.advance(seconds=TERMS.lease_s)
            await self._joined.wait_for(self._joins)
        return done


@pytest.mark.parametrize("joins", [1, 2], ids=["at once", "begun anew meanwhile"])
async def test_a_node_that_slept_since_it_committed_a_call_asks_no_carrier(
    opened: bootstrap.Opened,
    hearing: None,
    alice: Customer,
    clock: ManualClock,
    settled: Tally[Conclusion],
    joins: int,
) -> None:
    calls, phones = Sleeping(opened, clock, joins), Phones()
    first = await alice.send(numbers(2))
    async with at_work(dialler(replace(opened.house, calls=calls), phones, on_settled=settled.extend)):
        await settled.wait_for(2)
        await calls._joined.wait_for(2)
        second = await alice.send(numbers(3))
        await settled.wait_for(5)
    assert await alice.states(first.campaign) == [CallState.UNCERTAIN] * 2
    assert await alice.states(second.campaign) == [CallState.FINISHED] * 3
    assert len(phones.asked()) == 3
    assert await credit.check_ledger(opened.house) == []


class LosingAnswers(WatchedCalls):
    """The first answer to a statement of one kind is lost on its way, after it took effect."""

    def __init__(self, opened: bootstrap.Opened, lost: str) -> None:
        super().__init__(opened)
        self.lost = lost
        self.is_lost: Tally[Any] = Tally()
        self.looked: Tally[int] = Tally()

    async def claim(self, *what: Any) -> Any:
        """Take due calls."""
        return await self._answer("claim", super().claim, what)

    async def dial(self, *what: Any) -> Any:
        """Commit that calls are dialled."""
        return await self._answer("dial", super().dial, what)

    async def at_node(self, node: int) -> Any:
        """Read what a node has by the books."""
        found = await super().at_node(node)
        if self.is_lost.all:
            self.looked.add(1)
        return found

    async def _answer(self, kind: str, work: Callable[..., Any], what: Any) -> Any:
        done = await work(*what)
        if kind == self.lost and done and not self.is_lost.all:
            self.is_lost.add(done)
            raise Unavailable("the connection was lost")
        return done


@pytest.mark.parametrize(
    ("lost", "state", "asked"), [("claim", CallState.FINISHED, 2), ("dial", CallState.UNCERTAIN, 0)]
)
async def test_an_answer_of_the_database_that_is_lost_dials_nothing_twice_and_strands_nothing(
    opened: bootstrap.Opened,
    hearing: None,
    alice: Customer,
    clock: ManualClock,
    settled: Tally[Conclusion],
    lost: str,
    state: CallState,
    asked: int,
) -> None:
    calls, phones = LosingAnswers(opened, lost), Phones()
    placing = await alice.send(numbers(2), retries=Retries(3, 1))
    patient = replace(TERMS, route=FREE, lease_s=60)
    async with at_work(dialler(replace(opened.house, calls=calls), phones, terms=patient, on_settled=settled.extend)):
        await calls.is_lost.wait_for(1)
        await calls.looked.wait_for(2)
        clock.advance(seconds=11)
        await settled.wait_for(2)
    assert await alice.states(placing.campaign) == [state] * 2
    assert len(phones.asked()) == asked
    assert (await alice.balance())[1] == 0
    assert await credit.check_ledger(opened.house) == []
