"""Rate limits: exactly so many, then one an interval."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.errors import InvalidValue
from portevoix.domain.limit import Limit, count

NOW_US = 1_768_304_100_000_000
SECOND_US = 1_000_000

limits = st.builds(Limit, st.integers(1, 999_999), st.sampled_from([1, 60, 3600, 86400]))


def exhaust(limit: Limit, now_us: int) -> int:
    arrival_us: int | None = None
    for _ in range(limit.count):
        allowance, arrival_us = count(limit, arrival_us, now_us)
        assert allowance.admitted
    assert arrival_us is not None
    return arrival_us


@given(st.builds(Limit, st.integers(1, 200), st.sampled_from([1, 60, 3600, 86400])), st.integers(0, NOW_US))
def test_exactly_so_many_pass_at_once_and_then_one_an_interval(limit: Limit, now_us: int) -> None:
    arrival_us = exhaust(limit, now_us)
    refused, after_us = count(limit, arrival_us, now_us)
    assert not refused.admitted
    assert after_us == arrival_us, "a refused request uses nothing up"
    for number in range(1, 4):
        due_us = now_us + number * limit.interval_us
        early, _ = count(limit, arrival_us, due_us - 1)
        assert not early.admitted
        on_time, arrival_us = count(limit, arrival_us, due_us)
        assert on_time.admitted
        again, _ = count(limit, arrival_us, due_us)
        assert not again.admitted


def test_the_headers_of_five_a_minute_are_these() -> None:
    limit, arrival_us = Limit(5, 60), None
    told = []
    for _ in range(6):
        allowance, arrival_us = count(limit, arrival_us, NOW_US)
        told.append((allowance.admitted, allowance.limit, allowance.remaining, allowance.reset_us - NOW_US))
    minute = [12, 24, 36, 48, 60]
    assert told == [
        *((True, 5, 4 - number, reset_s * SECOND_US) for number, reset_s in enumerate(minute)),
        (False, 5, 0, 60 * SECOND_US),
    ]


@given(limits, st.integers(0, 10**9))
def test_a_retry_after_the_told_seconds_passes(limit: Limit, late_us: int) -> None:
    arrival_us = NOW_US + limit.burst_us
    now_us = NOW_US + late_us % limit.interval_us
    refused, _ = count(limit, arrival_us, now_us)
    assert not refused.admitted
    assert refused.retry_after_s >= 1
    retried, _ = count(limit, arrival_us, now_us + refused.retry_after_s * SECOND_US)
    assert retried.admitted


@pytest.mark.parametrize("text", ["1/second", "5/minute", "60/minute", "1/minute", "1/hour", "3600/hour"])
def test_the_told_seconds_are_exact_to_the_microsecond(text: str) -> None:
    limit = Limit.parse(text)
    assert limit is not None
    arrival_us = exhaust(limit, NOW_US)
    refused, _ = count(limit, arrival_us, NOW_US)
    wait_us = refused.retry_after_s * SECOND_US
    assert wait_us == limit.interval_us
    assert not count(limit, arrival_us, NOW_US + wait_us - 1)[0].admitted
    assert count(limit, arrival_us, NOW_US + wait_us)[0].admitted


def test_a_part_of_a_second_is_told_as_a_whole_one() -> None:
    limit = Limit(5, 60)
    arrival_us = exhaust(limit, NOW_US)
    assert count(limit, arrival_us, NOW_US + 1)[0].retry_after_s == 12
    assert count(limit, arrival_us, NOW_US + 11 * SECOND_US)[0].retry_after_s == 1
    assert count(limit, arrival_us, NOW_US + 12 * SECOND_US - 1)[0].retry_after_s == 1


@given(limits)
def test_the_allowance_is_whole_again_when_the_reset_says(limit: Limit) -> None:
    allowance, arrival_us = count(limit, None, NOW_US)
    later, _ = count(limit, arrival_us, allowance.reset_us)
    assert later.remaining == limit.count - 1


@given(limits, st.lists(st.integers(0, 10**8), max_size=30))
def test_what_is_told_to_remain_remains(limit: Limit, pauses_us: list[int]) -> None:
    arrival_us, now_us = None, NOW_US
    for pause_us in pauses_us:
        now_us += pause_us
        allowance, arrival_us = count(limit, arrival_us, now_us)
        assert 0 <= allowance.remaining < limit.count
        if allowance.admitted:
            assert count(limit, arrival_us, now_us)[0].admitted == (allowance.remaining > 0)


@given(limits, st.integers(0, 50), st.integers(1, 10**7))
def test_a_clock_that_steps_back_gives_nothing_for_free(limit: Limit, used: int, back_us: int) -> None:
    arrival_us = None
    for _ in range(min(used, limit.count)):
        _, arrival_us = count(limit, arrival_us, NOW_US)
    before = count(limit, arrival_us, NOW_US)[0].remaining
    assert count(limit, arrival_us, NOW_US - back_us)[0].remaining <= before


@given(limits)
def test_a_written_limit_reads_back(limit: Limit) -> None:
    assert Limit.parse(str(limit)) == limit


def test_off_lifts_a_limit() -> None:
    assert Limit.parse(" off ") is None


@pytest.mark.parametrize(
    "text",
    ["", "5", "5/", "/minute", "0/minute", "-1/minute", "5/minutes", "5/Minute", "5 / minute", "1.5/minute", "٥/minute",
     "1000000/second", "OFF", "none"],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Limit.parse(text)
