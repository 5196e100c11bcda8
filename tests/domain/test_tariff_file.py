"""The tariff file: read whole, or refused with every bad line named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.domain.errors import TariffInvalid
from portevoix.domain.tariff import Product, Rate
from portevoix.domain.tariff_file import MOST_LINES, parse_rates, write_rates
from tests.domain.test_tariff import DEPOSIT, LANDLINE, MOBILE, deposit_rates, timed_rates

tables = st.lists(st.one_of(timed_rates, deposit_rates), min_size=1, unique_by=lambda rate: (rate.product, rate.prefix))


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(TariffInvalid) as refused:
        parse_rates(text)
    return list(refused.value.problems)


@given(tables)
def test_a_written_tariff_reads_back(rates: list[Rate]) -> None:
    assert parse_rates(write_rates(rates)) == tuple(rates)


@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_a_tariff_as_a_french_spreadsheet_saves_it_reads_the_same(rates: list[Rate], newline: str) -> None:
    french = write_rates(rates).replace(",", ";").replace(".", ",").replace("\n", newline)
    assert parse_rates("\ufeff" + french) == tuple(rates)


def test_the_last_three_columns_and_their_cells_are_optional_and_columns_stand_in_any_order() -> None:
    assert parse_rates("price,product,prefix\n0.06,voice_mobile,+33\n") == (Rate(MOBILE, "33", 60_000),)
    text = "product,prefix,price,minimum_s\nvoice_landline, 33 ,0.03,\n\n , , , \ndeposit,33,0.15,0\n"
    assert parse_rates(text) == (Rate(LANDLINE, "33", 30_000), Rate(DEPOSIT, "33", 150_000))


def test_every_bad_line_is_named_with_its_number_and_nothing_is_taken() -> None:
    text = "\n".join(
        (
            "product,prefix,price,connection_fee,minimum_s,increment_s",
            "voice_mobile,33,0.06,0,0,1",
            "voice_pigeon,33,0.06,0,0,1",
            "voice_mobile,thirty,0.06,0,0,1",
            "voice_mobile,34,1e3,0,0,1",
            "",
            "voice_mobile,35,0.06,-1,0,1",
            "voice_mobile,36,0.06,0,1.5,1",
            "voice_mobile,37,0.06,0,0,0",
            "deposit,38,0.06,0,1,1",
            "voice_mobile,33,0.07,0,0,1",
            "voice_mobile,39,0.06",
            "voice_mobile,,0.06,0,0,1",
            "deposit,33,0.15,0,0,1",
        )
    )
    found = problems(text)
    assert [line for line, _ in found] == [3, 4, 5, 7, 8, 9, 10, 11, 12, 13]
    told = dict(found)
    for line, word in ((3, "product"), (4, "prefix"), (5, "price"), (8, "minimum_s"), (9, "increment_s")):
        assert word in told[line]
    assert "before" in told[11]
    assert "cells" in told[12]
    assert told[13] == "prefix: empty"


def test_a_point_is_no_decimal_comma_where_commas_separate() -> None:
    assert problems('product,prefix,price\ndeposit,33,"0,15"\n')[0][0] == 2


@pytest.mark.parametrize(
    "header",
    ["", "product,prefix", "product,prefix,price,colour", "product,prefix,price,price", "Product,prefix,price", "\t",
     "product\tprefix\tprice"],
)  # fmt: skip
def test_a_wrong_header_is_line_1(header: str) -> None:
    assert [line for line, _ in problems(f"{header}\ndeposit,33,0.15\n")] == [1]


@pytest.mark.parametrize("text", ["", "product,prefix,price", "product;prefix;price\n\n;;\n"])
def test_a_file_without_rates_is_refused(text: str) -> None:
    assert [line for line, _ in problems(text)] == [1]


def test_a_file_of_too_many_lines_is_refused() -> None:
    lines = ("product,prefix,price", *(f"deposit,{number},0.15" for number in range(MOST_LINES)))
    assert problems("\n".join(lines)) == [(MOST_LINES + 1, f"a tariff has at most {MOST_LINES} lines")]


def test_a_quote_that_is_never_closed_is_named_where_it_opens() -> None:
    text = 'product,prefix,price\ndeposit,33,"0.15\ndeposit,34,0.15\ndeposit,35,0.15\n'
    assert problems(text)[0][0] == 2


def test_a_cell_broken_over_two_lines_is_not_joined_into_another_value() -> None:
    assert problems('product,prefix,price\ndeposit,"3\n3",0.15\n')


def test_a_cell_of_any_length_is_named_as_a_bad_line() -> None:
    assert [line for line, _ in problems(f"product,prefix,price\ndeposit,{'3' * 200_000},0.15\n")] == [2]


@given(st.text())
def test_any_text_is_a_tariff_or_refused(text: str) -> None:
    try:
        rates = parse_rates(text)
    except TariffInvalid as refused:
        assert refused.problems
    else:
        assert rates


cells = st.one_of(st.sampled_from([*Product, "33", "0.06", "0,06", "", '"', "1", "+33"]), st.text(max_size=5))


@given(st.lists(st.lists(cells, max_size=6).map(",".join), max_size=8))
def test_lines_of_anything_under_a_right_header_are_a_tariff_or_refused(lines: list[str]) -> None:
    try:
        rates = parse_rates("\n".join(("product,prefix,price", *lines)))
    except TariffInvalid as refused:
        assert all(line >= 1 and problem for line, problem in refused.problems)
    else:
        assert rates
