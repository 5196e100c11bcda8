"""What far ends say is kept with the first report of an attempt, is read by its owner alone, and is erased in time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest

from portevoix import bootstrap
from portevoix.bootstrap.chores import duties_of
from portevoix.domain.call import Outcome
from portevoix.domain.campaign import CallNotFound, CallNotRecorded, Kind
from portevoix.domain.dialling import Dial
from portevoix.domain.webhook import NotifyUrl
from portevoix.metrics import Metrics
from portevoix.ports import House
from portevoix.service import proof, settlement
from portevoix.service.reading import find_access
from portevoix.settings import Settings
from portevoix.store.calls import PostgresCalls
from portevoix.worker import chores as steward
from tests.parts import PATIENCE_S, ManualClock
from tests.store.test_calls import Customer, Node, file, numbers, report

VOICE = b"a voice, as A-law has it" * 100
KEEP_DAYS = 30
DAY = timedelta(days=1)


async def recorded(house: House, dial: Dial, alaw: bytes = VOICE, outcome: Outcome = Outcome.ANSWERED) -> None:
    """File the report of a call with what its far end said, and settle it."""
    await settlement.settle(house, await file(house, (dial, replace(report(dial, outcome), recorded=alaw))))


async def heard(house: House, customer: Customer, call: str) -> bytes:
    return (await proof.hear_call(house, await find_access(house, customer.key), call)).alaw


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice")


async def test_what_a_far_end_said_is_read_by_the_calls_owner_alone(house: House, alice: Customer) -> None:
    bob = await Customer.of(house, "Bob")
    placing = await alice.send(numbers(2))
    first, second = await (await Node.of(house)).dial_all()
    await recorded(house, first)
    await recorded(house, second, b"")
    assert await heard(house, alice, f"{placing.campaign}-1") == VOICE
    with pytest.raises(CallNotFound):
        await heard(house, bob, f"{placing.campaign}-1")
    with pytest.raises(CallNotRecorded):
        await heard(house, alice, f"{placing.campaign}-2")


async def test_the_first_report_of_an_attempt_counts_for_its_voice_too(house: House, alice: Customer) -> None:
    placing = await alice.send(numbers(2))
    lost, twice = await (await Node.of(house)).dial_all()
    await recorded(house, lost, b"", Outcome.LOST)
    for call, alaw in ((lost, VOICE), (twice, VOICE), (twice, b"another's")):
        await recorded(house, call, alaw)
    with pytest.raises(CallNotRecorded):
        await heard(house, alice, f"{placing.campaign}-1")
    assert await heard(house, alice, f"{placing.campaign}-2") == VOICE


async def test_of_several_attempts_the_last_one_that_has_something_is_heard(
    house: House, alice: Customer, clock: ManualClock
) -> None:
    placing = await alice.send(numbers(1))
    node = await Node.of(house)
    for alaw in (b"first", b"second"):
        (dial,) = await node.dial_all()
        await recorded(house, dial, alaw, Outcome.CONGESTION)
        clock.advance(seconds=10)
    assert await heard(house, alice, f"{placing.campaign}-1") == b"second"


async def test_it_is_erased_at_its_time_in_batches_and_nothing_has_a_copy(
    house: House, alice: Customer, clock: ManualClock, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "ERASED_AT_ONCE", 2)
    hook = NotifyUrl.parse("https://example.test/hook")
    placing = await alice.send(numbers(6), kind=Kind.VOICE, notify_url=hook)
    dials = await (await Node.of(house)).dial_all()
    for dial in dials[:5]:
        await recorded(house, dial)
    clock.advance(days=KEEP_DAYS)
    await recorded(house, dials[5])
    assert await proof.erase_old(house, KEEP_DAYS) == 0  # to the day, and not before
    clock.advance(seconds=1)
    assert await proof.erase_old(house, KEEP_DAYS) == 5
    assert await heard(house, alice, f"{placing.campaign}-6") == VOICE
    with pytest.raises(CallNotRecorded):
        await heard(house, alice, f"{placing.campaign}-1")
    clock.advance(days=KEEP_DAYS)
    assert await proof.erase_old(house, KEEP_DAYS) == 1
    with psycopg.connect(url) as connection:
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        assert {"attempt_recording", "webhook", "event"} <= set(tables)
        for table in tables:
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert not [row for (row,) in rows if VOICE[:24].hex() in row or VOICE[:24].decode() in row], table


async def test_one_statement_erases_no_more_than_it_is_told(house: House, alice: Customer, clock: ManualClock) -> None:
    await alice.send(numbers(3))
    for dial in await (await Node.of(house)).dial_all():
        await recorded(house, dial)
    later = clock.now() + DAY
    assert [await house.calls.erase_recorded(later, 2) for _ in range(3)] == [2, 1, 0]


class WatchedCalls(PostgresCalls):
    """Tells when something was erased."""

    def __init__(self, opened: bootstrap.Opened) -> None:
        super().__init__(opened.database, opened.house.clock)
        self.erased = asyncio.Event()

    async def erase_recorded(self, before: datetime, most: int) -> int:
        count = await super().erase_recorded(before, most)
        if count:
            self.erased.set()
        return count


async def test_a_server_erases_what_is_old_by_itself(
    opened: bootstrap.Opened, alice: Customer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steward, "LOOK_S", 0.01)
    placing = await alice.send(numbers(1))
    (dial,) = await (await Node.of(opened.house)).dial_all()
    await recorded(opened.house, dial)
    calls = WatchedCalls(opened)
    watched = replace(opened, house=replace(opened.house, calls=calls))
    duties = duties_of(watched, Settings.read({}, record_keep_days=7), Metrics())
    async with bootstrap.in_background(steward.Steward(watched.house, duties, "test").run()):
        while not await opened.house.chores.all():  # noqa: ASYNC110 - a plan tells nobody
            await asyncio.sleep(0)
        clock.advance(days=7, seconds=1)
        async with asyncio.timeout(PATIENCE_S):
            await calls.erased.wait()
    with pytest.raises(CallNotRecorded):
        await heard(opened.house, alice, f"{placing.campaign}-1")
