"""Tariffs: what a call costs, and what a credit buys."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from portevoix.domain.errors import InvalidValue
from portevoix.domain.money import LARGEST_MICROS
from portevoix.domain.tariff import Buys, Product, Rate, RateTable, Tariff, buys

MOBILE, LANDLINE, DEPOSIT = Product.VOICE_MOBILE, Product.VOICE_LANDLINE, Product.DEPOSIT

prices = st.one_of(st.integers(0, 300_000), st.integers(0, LARGEST_MICROS))
sums = st.one_of(st.integers(0, 20_000_000), st.integers(0, 10**18))
prefixes = st.text("0123456789", min_size=1, max_size=15)
timed_rates = st.builds(
    Rate,
    st.sampled_from([MOBILE, LANDLINE]),
    prefixes,
    prices,
    prices,
    st.integers(0, 3600),
    st.integers(1, 3600),
)
deposit_rates = st.builds(Rate, st.just(DEPOSIT), prefixes, prices, prices)


def table(*rates: Rate) -> RateTable:
    return RateTable(1, "a tariff", datetime(2026, 1, 1, tzinfo=UTC), rates)


@pytest.mark.parametrize(
    ("duration_s", "billed_s"),
    [(0, 30), (1, 30), (30, 30), (31, 36), (36, 36), (37, 42), (60, 60), (61, 66)],
)
def test_a_call_is_billed_its_minimum_and_then_whole_increments(duration_s: int, billed_s: int) -> None:
    assert Rate(MOBILE, "33", 60_000, minimum_s=30, increment_s=6).billed_s(duration_s) == billed_s


@given(timed_rates, st.integers(0, 100_000))
def test_what_is_billed_is_the_least_that_covers_the_call(rate: Rate, duration_s: int) -> None:
    billed_s = rate.billed_s(duration_s)
    assert billed_s >= max(duration_s, rate.minimum_s)
    assert (billed_s - rate.minimum_s) % rate.increment_s == 0
    assert billed_s == rate.minimum_s or billed_s - rate.increment_s < duration_s


def test_a_call_costs_its_connection_and_its_billed_seconds_rounded_down() -> None:
    rate = Rate(MOBILE, "33", 100_001, connection_micros=7, minimum_s=0, increment_s=1)
    assert rate.call_cost_micros(60) == 100_008
    assert rate.call_cost_micros(1) == 7 + 1666
    assert rate.call_cost_micros(0) == 7


def test_a_deposit_costs_its_message_and_its_connection() -> None:
    assert Rate(DEPOSIT, "33", 150_000, 10_000).message_cost_micros() == 160_000


@given(timed_rates, sums)
def test_the_shown_seconds_can_be_bought_and_one_more_cannot(rate: Rate, credit_micros: int) -> None:
    shown_s = rate.affordable_s(credit_micros)
    if shown_s is None:
        assert rate.price_micros == 0
        assert rate.call_cost_micros(10**9) <= credit_micros
        return
    assert shown_s == 0 or rate.call_cost_micros(shown_s) <= credit_micros
    assert rate.call_cost_micros(shown_s + 1) > credit_micros


@given(timed_rates, st.integers(1, 10**6))
def test_credit_for_exactly_so_many_seconds_shows_them(rate: Rate, duration_s: int) -> None:
    assume(rate.price_micros > 0)
    shown_s = rate.affordable_s(rate.call_cost_micros(duration_s))
    assert shown_s is not None
    assert shown_s >= duration_s


@given(deposit_rates, sums)
def test_the_shown_deposits_can_be_bought_and_one_more_cannot(rate: Rate, credit_micros: int) -> None:
    shown = rate.affordable_messages(credit_micros)
    cost_micros = rate.message_cost_micros()
    if shown is None:
        assert cost_micros == 0
        return
    assert shown * cost_micros <= credit_micros < (shown + 1) * cost_micros


def test_a_free_minute_shows_no_limit_once_its_connection_is_paid() -> None:
    assert Rate(MOBILE, "33", 0).affordable_s(0) is None
    assert Rate(MOBILE, "33", 0, connection_micros=5).affordable_s(5) is None
    assert Rate(MOBILE, "33", 0, connection_micros=5).affordable_s(4) == 0
    assert Rate(DEPOSIT, "33", 0).affordable_messages(0) is None


def test_less_than_the_minimum_buys_nothing() -> None:
    rate = Rate(MOBILE, "33", 60_000, minimum_s=30, increment_s=6)
    assert rate.affordable_s(29_999) == 0
    assert rate.affordable_s(30_000) == 30
    assert rate.affordable_s(35_999) == 30
    assert rate.affordable_s(36_000) == 36


def test_the_longest_prefix_wins() -> None:
    rates = table(Rate(MOBILE, "3", 1), Rate(MOBILE, "33", 2), Rate(MOBILE, "33639", 3), Rate(LANDLINE, "336", 4))
    found = [rates.rate_for(MOBILE, digits) for digits in ("33639981234", "33612345678", "39061234567", "4479")]
    assert [rate and rate.price_micros for rate in found] == [3, 2, 1, None]


@given(st.dictionaries(prefixes, prices, min_size=1), st.text("0123456789", max_size=18))
def test_the_rate_found_is_the_longest_that_fits(priced: dict[str, int], digits: str) -> None:
    rate = table(*(Rate(DEPOSIT, prefix, price) for prefix, price in priced.items())).rate_for(DEPOSIT, digits)
    fitting = [prefix for prefix in priced if digits.startswith(prefix)]
    assert (rate.prefix if rate else None) == max(fitting, key=len, default=None)


def test_an_accounts_own_table_comes_before_the_default_even_with_a_shorter_prefix() -> None:
    own, default = table(Rate(MOBILE, "33", 1)), table(Rate(MOBILE, "336", 2), Rate(LANDLINE, "33", 3))
    tariff = Tariff((own, default))
    found = [tariff.rate_for(product, "33639981234") for product in Product]
    assert [rate and rate.price_micros for rate in found] == [1, 3, None]


def test_a_product_that_is_not_sold_buys_nothing() -> None:
    assert buys(Tariff(()), 10**9) == Buys(0, 0, 0)
    assert buys(Tariff((table(Rate(DEPOSIT, "33", 0)),)), 10**9) == Buys(0, 0, None)


def test_a_credit_buys_what_each_product_costs_in_france() -> None:
    rates = table(Rate(MOBILE, "336", 60_000), Rate(LANDLINE, "33", 30_000), Rate(DEPOSIT, "33", 150_000))
    assert buys(Tariff((rates,)), 19_000_000) == Buys(19_000, 38_000, 126)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": ""}, {"prefix": "+33"}, {"prefix": "1" * 16}, {"prefix": "٣٣"}, {"prefix": "33 6"},
        {"price_micros": -1}, {"price_micros": LARGEST_MICROS + 1}, {"connection_micros": -1},
        {"connection_micros": LARGEST_MICROS + 1}, {"minimum_s": -1}, {"minimum_s": 3601}, {"increment_s": 0},
        {"increment_s": 3601}, {"product": DEPOSIT, "minimum_s": 1}, {"product": DEPOSIT, "increment_s": 2},
    ],
)  # fmt: skip
def test_a_rate_out_of_range_is_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"product": MOBILE, "prefix": "33", "price_micros": 1}
    with pytest.raises(InvalidValue):
        Rate(**(right | wrong))  # type: ignore[arg-type]
