"""Money: micro-euros in and out of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.errors import InvalidValue
from portevoix.domain.money import LARGEST_MICROS, format_euros, parse_euros, positive

sums = st.integers(-LARGEST_MICROS, LARGEST_MICROS)


@given(sums)
def test_a_written_sum_reads_back_as_itself(micros: int) -> None:
    assert parse_euros(format_euros(micros)) == micros


@given(sums)
def test_a_sum_is_written_plainly_without_needless_zeros(micros: int) -> None:
    text = format_euros(micros)
    assert set(text) <= set("-.0123456789")
    assert text == "0" or not text.lstrip("-").startswith("0") or text.lstrip("-").startswith("0.")
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (50_000, "0.05"),
        (150_000, "0.15"),
        (19_000_000, "19"),
        (19_100_000, "19.1"),
        (100_000_000, "100"),
        (-1_500_000, "-1.5"),
        (10**15, "1000000000"),
    ],
)
def test_sums_are_written_as_people_write_them(micros: int, text: str) -> None:
    assert format_euros(micros) == text


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("19", 19_000_000),
        ("19.00", 19_000_000),
        (" 0.05\n", 50_000),
        ("-0", 0),
        ("007", 7_000_000),
        ("-1.5", -1_500_000),
    ],
)
def test_sums_are_read_as_people_write_them(text: str, micros: int) -> None:
    assert parse_euros(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", ".", "1.", ".5", "+1", "1,5", "1e3", "1_000", "1 000", "0x10", "NaN", "Infinity", "--1",
        "1.0000001", "1000000000.000001", "-1000000001", "12345678901", "١٢", "1€", "1.5.5", "\u00b2",
    ],
)  # fmt: skip
def test_what_is_no_plain_sum_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_euros(text)


@given(st.text())
def test_any_text_is_a_sum_or_refused(text: str) -> None:
    try:
        micros = parse_euros(text)
    except InvalidValue:
        return
    assert abs(micros) <= LARGEST_MICROS


def test_a_long_bad_sum_is_cut_short_in_the_message() -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_euros("9" * 10_000)
    assert len(refused.value.message) < 150


@pytest.mark.parametrize("micros", [1, LARGEST_MICROS])
def test_an_amount_above_nought_may_move(micros: int) -> None:
    assert positive(micros) == micros


@pytest.mark.parametrize("micros", [0, -1, LARGEST_MICROS + 1])
def test_no_other_amount_may_move(micros: int) -> None:
    with pytest.raises(InvalidValue):
        positive(micros)
