"""Where carriers hand their reports in, on a real PostgreSQL: filed first, then settled, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.domain.call import CallState, Outcome, Report
from portevoix.domain.dialling import Conclusion, Dial, Progress
from portevoix.ports import House
from portevoix.service import credit, dialling, settlement
from portevoix.worker import desk as desk_module
from portevoix.worker.desk import MOST_IN_A_BATCH, Desk
from tests.parts import PATIENCE_S
from tests.store.test_calls import CALL_MICROS, MICROS, Customer, Node, many_numbers
from tests.worker.conftest import Tally, WatchedCalls, answered, at_work, read_only

#: A desk that ends while the database is away tries for so long.
SOON_S = 0.5


@pytest.fixture
def watched(opened: bootstrap.Opened) -> WatchedCalls:
    """The calls that the desk works on."""
    return WatchedCalls(opened)


@pytest.fixture
def settled() -> Tally[Sequence[Conclusion]]:
    """The batches that were settled."""
    return Tally()


@pytest.fixture
def desk(house: House, watched: WatchedCalls, settled: Tally[Sequence[Conclusion]]) -> Desk:
    """A desk."""
    return Desk(replace(house, calls=watched), lambda batch: settled.add(batch) if batch else None)


async def dialled(house: House, customer: Customer, count: int) -> tuple[str, list[Dial]]:
    """Send to so many, and dial them all."""
    placing = await customer.send(many_numbers(count))
    node = await Node.of(house)
    dials: list[Dial] = []
    while len(dials) < count:
        dials += await node.dial_all()
    return placing.campaign, dials


def hand_in(desk: Desk, dials: Sequence[Dial]) -> None:
    for dial in dials:
        desk.hand_in(dial.call_id, dial.attempt, answered(dial))


def calls_of(batches: Sequence[Sequence[Conclusion]]) -> list[int]:
    return [one.filed.id for batch in batches for one in batch]


async def all_settled(settled: Tally[Sequence[Conclusion]], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(calls_of(settled.all)) < count:
            await settled.wait_for(len(settled.all) + 1)


async def test_reports_are_filed_in_batches_and_settled_in_batches(
    house: House, desk: Desk, watched: WatchedCalls, settled: Tally[Sequence[Conclusion]], alice: Customer
) -> None:
    campaign, dials = await dialled(house, alice, 600)
    hand_in(desk, dials)
    async with at_work(desk):
        await all_settled(settled, 600)
    assert watched.filed_reports.all == [MOST_IN_A_BATCH, MOST_IN_A_BATCH, 600 - 2 * MOST_IN_A_BATCH]
    assert max(map(len, settled.all)) <= MOST_IN_A_BATCH
    assert sorted(calls_of(settled.all)) == sorted(dial.call_id for dial in dials)
    assert set(await alice.states(campaign)) == {CallState.FINISHED}
    assert await alice.balance() == (100 * MICROS - 600 * CALL_MICROS, 0)
    assert await credit.check_ledger(house) == []


async def test_a_report_is_filed_before_anything_is_settled(
    house: House, desk: Desk, alice: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk that dies in between leaves what any node goes on from."""
    campaign, dials = await dialled(house, alice, 3)
    reached = asyncio.Event()

    async def die(*_: Any) -> Any:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(desk_module, "settle", die)
        hand_in(desk, dials)
        async with at_work(desk), asyncio.timeout(PATIENCE_S):
            await reached.wait()
    assert set(await alice.states(campaign)) == {CallState.DIALING}
    filed = await dialling.recover(house, dead_by=house.clock.now())
    assert sorted(filed) == sorted(dial.call_id for dial in dials)
    await settlement.settle(house, filed)
    assert set(await alice.states(campaign)) == {CallState.FINISHED}


async def test_what_was_said_on_the_way_is_noted_and_the_end_overtakes_it(
    house: House, desk: Desk, watched: WatchedCalls, settled: Tally[Sequence[Conclusion]], alice: Customer
) -> None:
    campaign, (first, second) = await dialled(house, alice, 2)
    async with at_work(desk):
        desk.note(Progress(first.call_id, first.attempt, first.at))
        await watched.said.wait_for(1)
        assert sorted(await alice.states(campaign)) == [CallState.DIALING, CallState.RINGING]
        desk.note(Progress(first.call_id, first.attempt, first.at))
        desk.note(Progress(first.call_id, first.attempt, first.at, first.at))
        await watched.said.wait_for(2)
        assert sorted(await alice.states(campaign)) == [CallState.ANSWERED, CallState.DIALING]
        desk.note(Progress(second.call_id, second.attempt, second.at))
        hand_in(desk, [second])
        await all_settled(settled, 1)
        assert {said.call_id for said in watched.said.all} == {first.call_id}
    assert sorted(await alice.states(campaign)) == [CallState.ANSWERED, CallState.FINISHED]


async def test_the_first_report_of_an_attempt_counts(
    house: House, desk: Desk, settled: Tally[Sequence[Conclusion]], alice: Customer
) -> None:
    campaign, dials = await dialled(house, alice, 1)
    async with at_work(desk):
        hand_in(desk, dials)
        await all_settled(settled, 1)
        desk.hand_in(dials[0].call_id, 1, Report(Outcome.BUSY, dials[0].at))
        hand_in(desk, (await dialled(house, alice, 1))[1])
        await all_settled(settled, 2)
    assert await alice.states(campaign) == [CallState.FINISHED]
    assert await alice.balance() == (100 * MICROS - 2 * CALL_MICROS, 0)


async def test_one_that_cannot_be_settled_holds_up_no_other_and_is_not_tried_for_ever(
    house: House, desk: Desk, settled: Tally[Sequence[Conclusion]], alice: Customer, url: str
) -> None:
    campaign, dials = await dialled(house, alice, 5)
    bad, *good = dials
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT hold_id FROM call WHERE id = %s", [bad.call_id]).fetchall()
    await credit.release(house, rows[0][0])  # so that its settlement is refused
    hand_in(desk, dials)
    async with at_work(desk):
        await all_settled(settled, 4)
        assert sorted(calls_of(settled.all)) == sorted(dial.call_id for dial in good)
        left = await dialling.recover(house, dead_by=house.clock.now())
        assert left == [bad.call_id]
        desk.settle_soon(left)  # as whoever sweeps does, again and again
        _, later = await dialled(house, alice, 3)
        hand_in(desk, later)
        await all_settled(settled, 7)
    assert desk._filed == {}
    assert sorted(await alice.states(campaign)) == [CallState.DIALING, *[CallState.FINISHED] * 4]
    assert len(await credit.check_ledger(house)) == 1, "the one whose hold was ended under it"


async def test_reports_are_kept_while_they_cannot_be_filed(
    house: House, desk: Desk, settled: Tally[Sequence[Conclusion]], alice: Customer, url: str
) -> None:
    campaign, dials = await dialled(house, alice, MOST_IN_A_BATCH + 44)
    hand_in(desk, dials)
    with read_only(url):
        await desk.finish(SOON_S)
        assert settled.all == []
        assert [call for call, _, _ in desk._reports] == [dial.call_id for dial in dials]
    async with at_work(desk):
        await all_settled(settled, len(dials))
    assert set(await alice.states(campaign)) == {CallState.FINISHED}
    assert await credit.check_ledger(house) == []


async def test_a_desk_at_work_goes_on_when_the_database_is_back(
    house: House, desk: Desk, settled: Tally[Sequence[Conclusion]], alice: Customer, url: str
) -> None:
    _, dials = await dialled(house, alice, 20)
    async with at_work(desk):
        with read_only(url):
            hand_in(desk, dials[:10])
            await desk.finish(SOON_S)
        hand_in(desk, dials[10:])
        await all_settled(settled, 20)
    assert sorted(calls_of(settled.all)) == sorted(dial.call_id for dial in dials)


async def test_what_was_filed_is_kept_while_it_cannot_be_settled(
    house: House, desk: Desk, watched: WatchedCalls, settled: Tally[Sequence[Conclusion]], alice: Customer, url: str
) -> None:
    _, dials = await dialled(house, alice, 10)
    await watched.file([(dial.call_id, dial.attempt, answered(dial)) for dial in dials])
    desk.settle_soon(dial.call_id for dial in dials)
    with read_only(url):
        await desk.finish(SOON_S)
        assert len(desk._filed) == 10
    async with at_work(desk):
        await all_settled(settled, 10)
    assert await alice.balance() == (100 * MICROS - 10 * CALL_MICROS, 0)


async def test_finishing_settles_all_that_is_there_and_what_is_being_filed(
    house: House, desk: Desk, settled: Tally[Sequence[Conclusion]], alice: Customer
) -> None:
    campaign, dials = await dialled(house, alice, 300)
    async with at_work(desk):
        hand_in(desk, dials)
        await asyncio.sleep(0)  # the first batch is on its way
        await desk.finish(PATIENCE_S)
        assert len(calls_of(settled.all)) == 300
    assert set(await alice.states(campaign)) == {CallState.FINISHED}
    await desk.finish(PATIENCE_S)
