"""The wheel: absolute deadlines, and never a burst."""

from __future__ import annotations

from portevoix.carrier.sip.rtp import FRAME_S
from portevoix.carrier.sip.wheel import SLOTS, STEP_S, Wheel


class Sitting:
    """Counts its turns."""

    def __init__(self) -> None:
        self.turns: list[float] = []

    def tick(self) -> None:
        """Do nothing: the test looks at who is due."""


def turn(wheel: Wheel[Sitting], now_s: float) -> None:
    for one in wheel.turn(now_s):
        one.turns.append(now_s)


def test_what_one_sleep_is_late_the_next_makes_good() -> None:
    wheel, one = Wheel[Sitting](0.0), Sitting()
    wheel.add(one)
    for place in range(SLOTS * 50):
        turn(wheel, wheel.deadline_s + (0.0015 if place % 3 else 0.0))
    assert len(one.turns) == 50
    assert abs(wheel.deadline_s - 50 * FRAME_S) < 1e-9


def test_streams_are_spread_over_the_slots() -> None:
    wheel, all_of_them = Wheel[Sitting](0.0), [Sitting() for _ in range(25)]
    for one in all_of_them:
        wheel.add(one)
    due = [len(wheel.turn(wheel.deadline_s)) for _ in range(SLOTS)]
    assert sorted(due) == [2] * 5 + [3] * 5
    for one in all_of_them:
        wheel.remove(one)
        wheel.remove(one)
    assert not any(wheel.turn(wheel.deadline_s) for _ in range(SLOTS))


def test_after_a_stall_nothing_is_sent_in_a_burst() -> None:
    wheel, one, now_s = Wheel[Sitting](0.0), Sitting(), 0.0
    wheel.add(one)
    for place in range(SLOTS * 20):
        now_s = max(now_s, wheel.deadline_s) + (0.3 if place == 55 else 0.0)
        turn(wheel, now_s)
    gaps = [two - one for one, two in zip(one.turns, one.turns[1:], strict=False)]
    assert wheel.stalls == 1
    assert min(gaps) > FRAME_S - SLOTS * STEP_S / 2
    assert max(gaps) > 0.3
