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
from portevoix.worker.pace import Pace
from tests.parts import ManualClock
from tests.store.test_calls import CALL_MICROS, LEASE_S, MICROS, Customer, Node, numbers
from tests.worker.conftest import FORGETFUL, FREE, TERMS, Phones, Tally, WatchedCalls, at_work, dialler


@pytest.fixture
def settled() -> Tally[Conclusion]:
    """What was settled."""
    return Tally()


async def test_a_node_whose_lease_ended_dials_nothing_more(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    house, calls = opened.house, WatchedCalls(opened)
    forgetful, other = Phones(are_held=True), Phones()
    await alice.send(numbers(1))
    async with at_work(dialler(house, forgetful, terms=FORGETFUL)):
        await forgetful.dials.wait_for(1)
        clock.advance(seconds=FORGETFUL.lease_s)
        async with at_work(dialler(replace(house, calls=calls), other, on_settled=settled.extend)):
            await alice.send(numbers(20))
            await calls.let_a_lease_pass(clock)
            concluded = await settled.wait_for(21)
    assert (len(forgetful.dials.all), len(other.dials.all)) == (1, 20)
    assert Counter(one.filed.report.outcome for one in concluded) == {Outcome.LOST: 1, Outcome.ANSWERED: 20}
    assert await alice.balance() == (100 * MICROS - 20 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


class Sweeping(WatchedCalls):
    """Tells of each sweep."""

    def __init__(self, opened: bootstrap.Opened) -> None:
        super().__init__(opened)
        self.swept: Tally[int] = Tally()

    async def forsake(self, *what: Any) -> Any:
        """Bury the dead."""
        found = await super().forsake(*what)
        self.swept.add(1)
        return found


class HeldBack(WatchedCalls):
    """Is not heard while it is held back."""

    def __init__(self, opened: bootstrap.Opened) -> None:
        super().__init__(opened)
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def renew(self, node: int, lease_s: int) -> bool:
        """Stay alive, late."""
        await self.may_go_on.wait()
        return await super().renew(node, lease_s)


async def test_a_node_that_was_silent_itself_takes_no_other_for_dead_that_comes_back_later(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    """So it is when the database was away, or all machines slept: nobody can tell who is dead."""
    first, second = Sweeping(opened), HeldBack(opened)
    phones = [Phones(are_held=True) for _ in range(2)]
    terms = replace(TERMS, route=Pace(2, FREE.per_second))
    nodes = [
        dialler(replace(opened.house, calls=calls), own, terms=terms, on_settled=settled.extend)
        for calls, own in zip((first, second), phones, strict=True)
    ]
    async with at_work(*nodes):
        placing = await alice.send(numbers(4))
        for own in phones:
            await own.dials.wait_for(2)
        await first.let_a_lease_pass(clock)  # it may judge
        second.may_go_on.clear()
        clock.advance(seconds=10 * TERMS.lease_s)
        await first.heard.wait_for(len(first.heard.all) + 2)
        await first.swept.wait_for(len(first.swept.all) + 2)
        second.may_go_on.set()
        await second.heard.wait_for(len(second.heard.all) + 2)
        for own in phones:
            own.release()
        await settled.wait_for(4)
    assert [len(calls.joined.all) for calls in (first, second)] == [1, 1]
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 4


class Unheard(WatchedCalls):
    """The database takes everything but renewals for a while."""

    is_unheard = False

    async def renew(self, node: int, lease_s: int) -> bool:
        """Stay alive."""
        if self.is_unheard:
            raise Unavailable("not yet")
        return await super().renew(node, lease_s)


async def test_a_node_that_is_not_sure_of_its_lease_begins_no_call_until_it_is(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    calls, phones = Unheard(opened), Phones()
    terms = replace(TERMS, lease_s=3)
    async with at_work(dialler(replace(opened.house, calls=calls), phones, terms=terms, on_settled=settled.extend)):
        await calls.joined.wait_for(1)
        calls.is_unheard = True
        clock.advance(seconds=2.5)
        placing = await alice.send(numbers(20))
        calls.is_unheard = False
        await settled.wait_for(20)
    assert len(phones.asked()) == 20
    assert set(await alice.states(placing.campaign)) == {CallState.FINISHED}


async def test_a_clock_of_the_database_that_is_set_back_loses_no_call(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    calls, phones = WatchedCalls(opened), Phones()
    async with at_work(dialler(replace(opened.house, calls=calls), phones, on_settled=settled.extend)):
        await calls.joined.wait_for(1)
        clock.advance(hours=-1)
        placing = await alice.send(numbers(20))
        await settled.wait_for(20)
    assert len(phones.asked()) == 20
    assert set(await alice.states(placing.campaign)) == {CallState.FINISHED}


async def test_a_node_that_was_taken_for_dead_begins_anew_as_another(
    house: House, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion], url: str
) -> None:
    phones = Phones()
    async with at_work(dialler(house, phones, on_settled=settled.extend)):
        await alice.send(numbers(1))
        await settled.wait_for(1)
        await house.calls.leave(1)  # as one is marked that others take for dead
        await alice.send(numbers(5))
        await settled.wait_for(6)
        with psycopg.connect(url) as connection:
            assert connection.execute(
                "SELECT name, id > 1 FROM node WHERE lease_until > %s", [clock.now()]
            ).fetchall() == [(TERMS.name, True)]
    assert len(set(phones.asked())) == len(phones.asked()) == 6


class BuriedOnTheWay(Sweeping):
    """The first claim that finds something reaches the database after its node was buried, and another has begun."""

    def __init__(self, opened: bootstrap.Opened) -> None:
        super().__init__(opened)
        self.go_on = asyncio.Event()

    async def claim(self, *what: Any) -> Any:
        """Take due calls, late."""
        if self.go_on.is_set() and len(self.joined.all) == 1:
            await self.leave(self.joined.all[0])  # as one is marked that others take for dead
            await self.swept.wait_for(len(self.swept.all) + 2)
            await self.joined.wait_for(2)
        return await super().claim(*what)


async def test_what_a_node_claims_that_was_buried_meanwhile_is_dialled_all_the_same(
    opened: bootstrap.Opened, hearing: None, alice: Customer, settled: Tally[Conclusion]
) -> None:
    calls, phones = BuriedOnTheWay(opened), Phones()
    async with at_work(dialler(replace(opened.house, calls=calls), phones, on_settled=settled.extend)):
        await calls.joined.wait_for(1)
        calls.go_on.set()
        await alice.send(numbers(3))
        await settled.wait_for(3)
    assert sorted(phones.asked()) == sorted({(one.id, 1) for batch in calls.claimed.all for one in batch})


async def test_what_a_dead_node_had_claimed_is_dialled_by_another_and_what_it_was_dialling_never_again(
    opened: bootstrap.Opened, hearing: None, alice: Customer, clock: ManualClock, settled: Tally[Conclusion]
) -> None:
    house, calls = opened.house, WatchedCalls(opened)
    placing = await alice.send(numbers(5), retries=Retries(3, 1))
    dead = await Node.of(house)
    dialled = await dead.dial(await dead.claim(2))
    claimed = await dead.claim(2)
    phones = Phones()
    async with at_work(dialler(replace(house, calls=calls), phones, on_settled=settled.extend)):
        await settled.wait_for(1)  # the one that nobody had claimed
        clock.advance(seconds=LEASE_S)
        await calls.let_a_lease_pass(clock)
        await settled.wait_for(5)
    assert not {dial.call_id for dial in dialled} & {call for call, _ in phones.asked()}
    assert {(one.id, 1) for one in claimed} < set(phones.asked())
    assert len(phones.asked()) == 3
    assert Counter(await alice.states(placing.campaign)) == {CallState.FINISHED: 3, CallState.UNCERTAIN: 2}
    assert await alice.balance() == (100 * MICROS - 3 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


class Sleeping(WatchedCalls):
    """The node sleeps for longer than its lease when its first dialling is committed, and hears of it only then."""

    def __init__(self, opened: bootstrap.Opened, clock: ManualClock, meanwhile: str) -> None:
        super().__init__(opened)
        self._meanwhile = meanwhile
        self._hand = clock
        self._has_slept = False

    async def dial(self, *what: Any) -> Any:
        """Commit that calls are dialled."""
        done = await super().dial(*what)
        if not self._has_slept:
            self._has_slept = True
            self._hand.advance(seconds=TERMS.lease_s)
            if self._meanwhile == "it came back":
                await self.heard.wait_for(len(self.heard.all) + 2)
            if self._meanwhile == "it began anew":
                await self.leave(self.joined.all[0])  # as one is marked that others take for dead
                await self.joined.wait_for(2)
        return done


@pytest.mark.parametrize("meanwhile", ["nothing", "it came back", "it began anew"])
async def test_a_node_that_slept_since_it_committed_a_call_asks_no_carrier(
    opened: bootstrap.Opened,
    hearing: None,
    alice: Customer,
    clock: ManualClock,
    settled: Tally[Conclusion],
    meanwhile: str,
) -> None:
    calls, phones = Sleeping(opened, clock, meanwhile), Phones()
    first = await alice.send(numbers(2))
    async with at_work(dialler(replace(opened.house, calls=calls), phones, on_settled=settled.extend)):
        await settled.wait_for(2)
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
