"""Chores: once for all processes, again after a failure, by another where a process died."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from portevoix import bootstrap
from portevoix.bootstrap.chores import duties_of
from portevoix.domain.errors import Unavailable
from portevoix.metrics import Metrics
from portevoix.ports import Chore, House
from portevoix.settings import Settings
from portevoix.worker import chores
from portevoix.worker.chores import Duty, Steward
from tests.parts import PATIENCE_S, ManualClock

EVERY_S = 15


class Sweeping:
    """A chore that counts, and fails when it is told to."""

    def __init__(self) -> None:
        self.done = 0
        self.fault: Exception | None = None

    async def do(self) -> None:
        """Do it."""
        if self.fault is not None:
            raise self.fault
        self.done += 1

    def steward(self, house: House, name: str = "one", longest_s: int = 60) -> Steward:
        """Make a process that knows it."""
        return Steward(house, [Duty("sweep", EVERY_S, self.do)], name, longest_s)


@pytest.fixture
async def sweeping(house: House) -> Sweeping:
    """A chore that is planned."""
    await house.chores.plan({"sweep": EVERY_S})
    return Sweeping()


async def the_chore(house: House) -> Chore:
    (chore,) = await house.chores.all()
    return chore


async def test_a_chore_is_done_when_it_is_due_and_once_by_all_processes(
    house: House, sweeping: Sweeping, clock: ManualClock
) -> None:
    one, other = sweeping.steward(house, "one"), sweeping.steward(house, "other")
    assert await one.do_one() is False
    for rounds in range(1, 4):
        clock.advance(seconds=EVERY_S)
        assert sorted(await asyncio.gather(one.do_one(), other.do_one())) == [False, True]
        assert (await one.do_one(), await other.do_one()) == (False, False)
        assert sweeping.done == rounds
    chore = await the_chore(house)
    assert chore.taker in ("one", "other")
    assert (chore.began_at, chore.ended_at, chore.fault) == (clock.now(), clock.now(), None)
    assert chore.due_at == clock.now() + timedelta(seconds=EVERY_S)


async def test_a_chore_whose_process_died_is_taken_again_and_its_ghost_changes_nothing(
    house: House, sweeping: Sweeping, clock: ManualClock
) -> None:
    clock.advance(seconds=EVERY_S)
    taken = await house.chores.take(["sweep"], "dead", 60)
    assert taken is not None
    clock.advance(seconds=59)
    assert await sweeping.steward(house).do_one() is False
    clock.advance(seconds=1)
    assert await sweeping.steward(house).do_one() is True
    before = await the_chore(house)
    await house.chores.end("sweep", "dead", taken[1], EVERY_S, "a ghost")
    assert await the_chore(house) == before


@pytest.mark.parametrize(
    ("fault", "told"),
    [(Unavailable("the database cannot be reached"), "the database cannot be reached"),
     (ZeroDivisionError("by zero"), "ZeroDivisionError; the log of one has more")],
)  # fmt: skip
async def test_a_chore_that_fails_says_so_and_is_done_again(
    house: House, sweeping: Sweeping, clock: ManualClock, fault: Exception, told: str
) -> None:
    sweeping.fault = fault
    clock.advance(seconds=EVERY_S)
    assert await sweeping.steward(house).do_one() is True
    assert (await the_chore(house)).fault == told
    sweeping.fault = None
    clock.advance(seconds=EVERY_S)
    assert await sweeping.steward(house).do_one() is True
    assert ((await the_chore(house)).fault, sweeping.done) == (None, 1)


async def test_a_chore_that_takes_too_long_is_given_up(house: House, clock: ManualClock) -> None:
    await house.chores.plan({"sweep": EVERY_S})
    clock.advance(seconds=EVERY_S)
    steward = Steward(house, [Duty("sweep", EVERY_S, asyncio.Event().wait)], "one", longest_s=0)
    assert await steward.do_one() is True
    assert (await the_chore(house)).fault == "it took more than 0 s"


async def test_a_process_leaves_alone_what_it_does_not_know(
    house: House, sweeping: Sweeping, clock: ManualClock
) -> None:
    await house.chores.plan({"of-the-next-version": 1})
    clock.advance(seconds=EVERY_S)
    steward = sweeping.steward(house)
    assert [await steward.do_one() for _ in range(2)] == [True, False]


async def test_a_house_has_all_its_chores_done(
    opened: bootstrap.Opened, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "LOOK_S", 0.01)
    duties = duties_of(opened, Settings.read({}), Metrics())
    clock.advance(seconds=-60)  # planned then, all of them are due now
    await opened.house.chores.plan({duty.name: duty.every_s for duty in duties})
    clock.advance(seconds=60)
    async with bootstrap.in_background(Steward(opened.house, duties, "one").run()), asyncio.timeout(PATIENCE_S):
        while any(chore.ended_at is None for chore in await opened.house.chores.all()):  # noqa: ASYNC110
            await asyncio.sleep(0)
    done = await opened.house.chores.all()
    assert [(chore.name, chore.fault) for chore in done] == [(duty.name, None) for duty in duties]
