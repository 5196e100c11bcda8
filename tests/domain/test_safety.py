"""What is never dialled over a trunk, and how much an account may send a day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portevoix.domain.errors import InvalidValue
from portevoix.domain.number import Line, Number
from portevoix.domain.safety import (
    FRANCE,
    NOTHING_OWN,
    Cap,
    CapReached,
    OwnAllowance,
    Safety,
    Use,
    check_caps,
    day_of,
    parse_cap,
    parse_countries,
    parse_prefix_caps,
    uses,
    write_countries,
)

NOW = datetime(2026, 1, 13, 11, 35, tzinfo=UTC)
FICTION = Number.parse("06 39 98 05 00")


def number(digits: str, country: str = "fr") -> Number:
    """A number that no parser would let in, too: the last gate trusts nobody."""
    return Number(digits, Line.MOBILE, digits[:2], country)


def test_a_number_of_fiction_is_refused_unless_the_test_bench_takes_it() -> None:
    assert "fiction" in (Safety().fault(FICTION) or "")
    assert Safety(fiction=True).fault(FICTION) is None


@pytest.mark.parametrize("digits", ["33899123456", "33800000000", "33118", "112", "8816123456789", "8835100012345"])
def test_special_premium_satellite_and_short_numbers_are_refused_even_where_a_parser_let_them_in(digits: str) -> None:
    assert "special" in (Safety(countries=frozenset({"fr"})).fault(number(digits)) or "")


@pytest.mark.parametrize("country", sorted(FRANCE))
def test_france_and_its_territories_are_on_by_default(country: str) -> None:
    assert Safety().fault(number("33710000000", country)) is None


def test_other_countries_are_off_until_they_are_allowed() -> None:
    british = number("447700900123", "gb")
    assert "gb" in (Safety().fault(british) or "")
    assert Safety(countries=frozenset({"gb"})).fault(british) is None
    assert Safety(countries=frozenset({"gb"})).fault(number("33710000000")) is not None


def test_a_message_counts_for_its_day_in_paris_for_its_hour_and_for_the_longest_prefix_that_has_a_cap() -> None:
    safety = Safety(prefixes={"33": Cap(1), "336": Cap(5)})
    sent = [("33639980500", 10), ("33639980501", 10), ("33199000500", 7), ("447700900123", 1)]
    late = datetime(2026, 1, 13, 23, 30, tzinfo=UTC)
    day = datetime(2026, 1, 13, 23, 0, tzinfo=UTC)  # midnight in Paris
    assert day_of(late) == day
    assert uses(safety, sent, late) == (
        Use("", "day", day, 4, 28),
        Use("33", "day", day, 1, 7),
        Use("336", "day", day, 2, 20),
        Use("", "hour", datetime(2026, 1, 13, 23, tzinfo=UTC), 4, 28),
    )


@pytest.mark.parametrize(
    ("used", "is_refused"),
    [
        (Use("", "day", NOW, 10, 5_000_000), False),
        (Use("", "day", NOW, 11, 0), True),
        (Use("", "day", NOW, 1, 5_000_001), True),
        (Use("44", "day", NOW, 2, 10**12), False),
        (Use("44", "day", NOW, 3, 0), True),
        (Use("49", "day", NOW, 10**6, 0), False),
        (Use("", "hour", NOW, 10**6, 10**12), False),
    ],
)
def test_caps_are_of_calls_and_of_money_a_day(used: Use, *, is_refused: bool) -> None:
    safety = Safety(account=Cap(10, 5_000_000), prefixes={"44": Cap(2, None)})
    if is_refused:
        with pytest.raises(CapReached):
            check_caps(safety, [used])
    else:
        check_caps(safety, [used])


def test_an_account_without_an_allowance_of_its_own_has_the_installations() -> None:
    safety = Safety(account=Cap(10))
    assert safety.of(NOTHING_OWN) is safety


@pytest.mark.parametrize("cap", [Cap(1, 1_000_000), Cap(10**6, 10**12), Cap()])
def test_an_accounts_own_cap_counts_in_place_of_the_installations_and_a_prefix_keeps_its_own(cap: Cap) -> None:
    safety = Safety(account=Cap(10), prefixes={"44": Cap(2)}, alarm_calls=7)
    own = safety.of(OwnAllowance(cap=cap))
    assert own == Safety(account=cap, prefixes={"44": Cap(2)}, alarm_calls=7)


def test_an_accounts_own_countries_narrow_the_installations_and_never_add_to_them() -> None:
    safety = Safety(countries=frozenset({"fr", "gb"}), account=Cap(10))
    own = safety.of(OwnAllowance(countries=frozenset({"gb", "be"})))
    assert (own.countries, own.account) == ({"gb"}, Cap(10))
    assert own.fault(number("33710000000")) is not None
    assert own.fault(number("447700900123", "gb")) is None
    assert own.fault(number("3225550100", "be")) is not None


def test_countries_are_read_as_they_are_written() -> None:
    assert write_countries(parse_countries("RE, fr be")) == "be fr re"


@pytest.mark.parametrize("text", ["10/5", "off/5", "10/off", "off/off"])
def test_a_cap_is_read_as_it_is_written(text: str) -> None:
    assert str(parse_cap(text)) == text


def test_caps_of_prefixes_and_countries_are_read() -> None:
    assert parse_prefix_caps("44=200/50, 1=20") == (("44", Cap(200, 50_000_000)), ("1", Cap(20)))
    assert parse_countries("FR, re be") == {"fr", "re", "be"}


@pytest.mark.parametrize("text", ["-1", "1.5", "a/b", "1/2/3", "١"])
def test_a_cap_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_cap(text)


@pytest.mark.parametrize("text", ["44", "44=", "+44=1", "=1", "44=x", "44=1 44=2"])
def test_caps_of_prefixes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_prefix_caps(text)


@pytest.mark.parametrize("text", ["france", "33", "f", "é!"])
def test_countries_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_countries(text)
