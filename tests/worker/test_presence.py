"""A process among the nodes: when it may dial, and by when it may take others for dead."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from portevoix import bootstrap
from portevoix.ports import ORDINARY
from portevoix.worker.presence import Presence
from tests.parts import ManualClock
from tests.worker.conftest import TERMS, WatchedCalls, at_work

JUST_TOO_LONG_S = 0.7 * TERMS.lease_s


@pytest.fixture
def calls(opened: bootstrap.Opened) -> WatchedCalls:
    """What the process is heard by."""
    return WatchedCalls(opened)


@pytest.fixture
async def presence(opened: bootstrap.Opened, calls: WatchedCalls) -> AsyncIterator[Presence]:
    """A process that has just joined."""
    made = Presence(replace(opened.house, calls=calls), "test", ORDINARY, TERMS.lease_s)
    async with at_work(made):
        await calls.heard.wait_for(1)
        yield made


async def heard_again(calls: WatchedCalls) -> None:
    """Wait for a renewal that was begun after this, and its end."""
    await calls.heard.wait_for(len(calls.heard.all) + 2)


async def test_a_process_takes_nobody_for_dead_before_it_was_heard_for_a_lease(
    presence: Presence, calls: WatchedCalls, clock: ManualClock
) -> None:
    joined = clock.now()
    for _ in range(2):
        await heard_again(calls)
        assert (presence.may_dial, presence.dead_by) == (True, None)
        clock.advance(seconds=TERMS.lease_s / 3)
    await calls.let_a_lease_pass(clock)
    await heard_again(calls)
    assert presence.dead_by is not None
    assert (presence.dead_by - joined).total_seconds() >= TERMS.lease_s


@pytest.mark.parametrize("change_s", [JUST_TOO_LONG_S, 3_600.0, -3_600.0], ids=["silent", "asleep", "clock set back"])
async def test_a_break_ends_what_was_committed_and_begins_the_waiting_anew(
    presence: Presence, calls: WatchedCalls, clock: ManualClock, change_s: float
) -> None:
    await calls.let_a_lease_pass(clock)
    await heard_again(calls)
    committed = presence.tenure
    assert presence.has_lasted(committed)
    clock.advance(seconds=change_s)
    assert (presence.may_dial, presence.dead_by) == (False, None)
    await heard_again(calls)
    assert (presence.may_dial, presence.dead_by) == (True, None)
    assert not presence.has_lasted(committed)
    assert presence.has_lasted(presence.tenure)
    assert calls.joined.all == [presence.number], "it is still the same"


async def test_a_process_that_sleeps_between_its_judgement_and_its_deed_takes_nobody_for_dead_for_that(
    presence: Presence, calls: WatchedCalls, clock: ManualClock
) -> None:
    await calls.let_a_lease_pass(clock)
    await heard_again(calls)
    dead_by = presence.dead_by
    assert dead_by is not None
    clock.advance(hours=1)
    assert await calls.forsake(100, dead_by) == []
    assert await calls.renew(presence.number, TERMS.lease_s), "not even itself"
