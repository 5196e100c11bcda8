"""How many calls may begin now: calls a second, calls at once, of the route and of each account."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from portevoix.worker.pace import BURSTS_A_SECOND, Meter, Pace, Pacing
from tests.parts import BEGINNING

ALICE, BOB = 1, 2


def at(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)


def begun(meter: Meter, seconds: float, tick_s: float = 0.01) -> list[float]:
    """Begin whatever may begin, tick by tick, for so long; returns when each began."""
    moments = []
    for tick in range(round(seconds / tick_s)):
        room = meter.room(at(tick * tick_s))
        meter.begin(room, at(tick * tick_s))
        moments += [tick * tick_s] * room
    return moments


def most_in_a_second(moments: list[float]) -> int:
    return max(sum(start <= moment < start + 1 - 1e-6 for moment in moments) for start in moments)


@pytest.mark.parametrize("per_second", [1, 2, 3, 5, 7, 25, 100, 1_000])
def test_a_pace_is_used_up_and_never_overdrawn_by_more_than_one_burst(per_second: int) -> None:
    moments = begun(Meter(Pace(10**6, per_second)), 10)
    burst = max(per_second // BURSTS_A_SECOND, 1)
    assert 9.5 * per_second < len(moments) <= 10 * per_second + burst, "ticks cost a little where calls come singly"
    assert most_in_a_second(moments) <= per_second + burst


@pytest.mark.parametrize(("per_second", "burst"), [(1, 1), (4, 1), (5, 1), (10, 2), (25, 5), (100, 20)])
def test_no_more_than_a_fifth_of_a_second_begins_at_one_moment(per_second: int, burst: int) -> None:
    meter = Meter(Pace(10**6, per_second))
    assert meter.room(at(0)) == burst
    meter.begin(burst, at(0))
    assert meter.room(at(0)) == 0
    assert meter.room(at(burst / per_second)) == burst


def test_a_pace_comes_back_evenly() -> None:
    meter = Meter(Pace(100, 10))
    meter.begin(2, at(0))
    assert [meter.room(at(tick / 20)) for tick in range(6)] == [0, 0, 1, 1, 2, 2]


def test_idle_time_is_not_saved_up() -> None:
    meter = Meter(Pace(10**6, 25))
    begun(meter, 1)
    assert meter.room(at(3_600)) == 5
    meter.begin(5, at(3_600))
    assert meter.room(at(3_600)) == 0


def test_calls_at_once_count_until_they_end() -> None:
    meter = Meter(Pace(at_once=3, per_second=1_000))
    assert meter.room(at(0)) == 3
    meter.begin(3, at(0))
    assert meter.room(at(60)) == 0
    meter.end()
    assert meter.room(at(60)) == 1
    meter.end()
    meter.end()
    assert meter.room(at(60)) == 3


def test_a_clock_that_is_set_back_lets_no_more_begin() -> None:
    meter = Meter(Pace(100, 10))
    meter.begin(2, at(100))
    assert meter.room(at(90)) == 0


def test_a_meter_is_idle_when_nothing_is_under_way_and_its_pace_is_whole_again() -> None:
    meter = Meter(Pace(10, 10))
    assert meter.is_idle(at(0))
    meter.begin(1, at(0))
    assert not meter.is_idle(at(60))
    meter.end()
    assert not meter.is_idle(at(0.05))
    assert meter.is_idle(at(0.1))


def test_each_account_has_a_pace_of_its_own_within_that_of_the_route() -> None:
    pacing = Pacing(Pace(5, 1_000), Pace(3, 1_000))
    assert pacing.room(at(0)) == (5, 3, {})
    for _ in range(3):
        pacing.begin(ALICE, at(0))
    pacing.begin(BOB, at(0))
    assert pacing.under_way == 4
    assert pacing.room(at(1)) == (1, 3, {ALICE: 0, BOB: 2})
    pacing.end(ALICE)
    assert pacing.room(at(1)) == (2, 3, {ALICE: 1, BOB: 2})
    pacing.begin(BOB, at(1))
    pacing.begin(BOB, at(1))
    assert pacing.room(at(2)) == (0, 3, {ALICE: 1, BOB: 0})


def test_calls_a_second_are_counted_for_each_account() -> None:
    pacing = Pacing(Pace(1_000, 1_000), Pace(1_000, 10))
    for account in (ALICE, ALICE, BOB):
        pacing.begin(account, at(0))
    assert pacing.room(at(0)) == (197, 2, {ALICE: 0, BOB: 1})
    assert pacing.room(at(0.1))[2] == {ALICE: 1, BOB: 2}


def test_an_account_is_forgotten_when_all_its_calls_are_over_and_not_before() -> None:
    pacing = Pacing(Pace(100, 100), Pace(100, 10))
    pacing.begin(ALICE, at(0))
    assert pacing.room(at(60))[2] == {ALICE: 2}
    pacing.end(ALICE)
    assert pacing.room(at(0.05))[2] == {ALICE: 1}
    assert pacing.room(at(60)) == (20, 2, {})
    assert pacing.under_way == 0
