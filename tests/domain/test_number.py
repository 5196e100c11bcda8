"""Telephone numbers: how they are written, where they lead, and which are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType as Type

from portevoix.domain.number import (
    LONGEST_TEXT,
    Line,
    Number,
    NumberInvalid,
    NumbersMissing,
    Rejected,
    TooManyNumbers,
    parse_numbers,
    split_numbers,
)

FICTION = ["63998", "19900", "26191", "35301", "46571", "53649"]
OVERSEAS = {
    "262": ("262", "re", Line.LANDLINE),
    "263": ("262", "re", Line.LANDLINE),
    "692": ("262", "re", Line.MOBILE),
    "693": ("262", "re", Line.MOBILE),
    "269": ("262", "yt", Line.LANDLINE),
    "639": ("262", "yt", Line.MOBILE),
    "590": ("590", "gp", Line.LANDLINE),
    "690": ("590", "gp", Line.MOBILE),
    "691": ("590", "gp", Line.MOBILE),
    "594": ("594", "gf", Line.LANDLINE),
    "694": ("594", "gf", Line.MOBILE),
    "596": ("596", "mq", Line.LANDLINE),
    "696": ("596", "mq", Line.MOBILE),
    "697": ("596", "mq", Line.MOBILE),
}
FRENCH_CODES = {33, 262, 590, 594, 596}
DIGITS = "0123456789"


def examples(*kinds: int) -> list[phonenumbers.PhoneNumber]:
    """The library's own example numbers of some types, those of every country outside the French plan."""
    asked = (phonenumbers.example_number_for_type(region, kind) for region in SUPPORTED for kind in kinds)
    return [
        number
        for number in asked
        if number and number.country_code not in FRENCH_CODES and phonenumbers.number_type(number) in kinds
    ]


def written(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


SUPPORTED = sorted(phonenumbers.SUPPORTED_REGIONS)
CALLABLE = [written(number) for number in examples(Type.FIXED_LINE, Type.MOBILE, Type.FIXED_LINE_OR_MOBILE, Type.VOIP)]

fiction = st.builds(str.__add__, st.sampled_from(FICTION), st.text(DIGITS, min_size=4, max_size=4))
overseas = st.builds(str.__add__, st.sampled_from(sorted(OVERSEAS)), st.text(DIGITS, min_size=6, max_size=6))


@pytest.mark.parametrize(
    "text",
    [
        "0639980102", "06 39 98 01 02", "06.39.98.01.02", "06-39-98-01-02", "06/39/98/01/02", "(06) 39 98 01 02",
        "+33639980102", "+33 6 39 98 01 02", "+33 (0)6 39 98 01 02", "+33 06 39 98 01 02", "+33(0)639980102",
        "0033639980102", "00 33 6 39 98 01 02", "0033 (0)6 39 98 01 02", "33639980102", "33 6 39 98 01 02",
        "  0639980102\n", "06\t39980102", "06\xa039\xa098\xa001\xa002", "06\u202f39\u202f98\u202f01\u202f02",
        "06\u200939 98 01 02", "06‑39‑98‑01‑02", "06–39–98–01–02", "\u202a+33639980102\u202c",
    ],
)  # fmt: skip
def test_a_french_number_is_read_however_it_is_written(text: str) -> None:
    assert Number.parse(text) == Number("33639980102", Line.MOBILE, "33", "fr")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("06 39 98 00 00", Line.MOBILE),
        ("07 10 00 00 00", Line.MOBILE),  # there is no fiction in 07 and 09: these blocks are nobody's
        ("01 99 00 00 00", Line.LANDLINE),
        ("02 61 91 00 00", Line.LANDLINE),
        ("03 53 01 00 00", Line.LANDLINE),
        ("04 65 71 00 00", Line.LANDLINE),
        ("05 36 49 00 00", Line.LANDLINE),
        ("09 00 00 00 00", Line.LANDLINE),
    ],
)
def test_the_first_digits_tell_a_french_mobile_from_a_landline(text: str, line: Line) -> None:
    number = Number.parse(text)
    assert (number.line, number.calling_code, number.country) == (line, "33", "fr")


@pytest.mark.parametrize("head", OVERSEAS)
@pytest.mark.parametrize("form", ["0{}", "+{code} {}", "00{code}{}", "{code}{}", "+{code} (0){}", "+33 {}", "33{}"])
def test_an_overseas_number_leads_to_its_territory(head: str, form: str) -> None:
    code, country, line = OVERSEAS[head]
    assert Number.parse(form.format(f"{head} 00 00 00", code=code)) == Number(
        f"{code}{head}000000", line, code, country
    )


@pytest.mark.parametrize("text", ["0639 97 99 99", "0639 99 00 00"])
def test_beside_the_fiction_block_0639_is_mayotte(text: str) -> None:
    number = Number.parse(text)
    assert (number.country, number.calling_code, number.is_fiction) == ("yt", "262", False)


@pytest.mark.parametrize("text", ["0639980000", "0639989999", "+33639980000", "33639989999"])
def test_the_fiction_block_within_mayottes_is_metropolitan(text: str) -> None:
    number = Number.parse(text)
    assert (number.country, number.calling_code, number.is_fiction) == ("fr", "33", True)


@pytest.mark.parametrize("text", ["+262 639 98 01 00", "+262 590 00 00 00", "+590 692 00 00 00", "+596 1 99 00 00 00"])
def test_a_territorys_code_does_not_lead_to_another(text: str) -> None:
    with pytest.raises(NumberInvalid):
        Number.parse(text)


def test_an_overseas_number_that_the_table_lacks_is_read_with_its_code() -> None:
    number = phonenumbers.example_number_for_type("GP", Type.VOIP)
    assert number is not None
    assert Number.parse(written(number)).country == "gp"


@given(fiction)
@example("639980000")
@example("536499999")
def test_the_whole_of_a_fiction_block_parses_and_is_fiction(national: str) -> None:
    assert Number.parse(f"0{national}").is_fiction


@pytest.mark.parametrize(
    "text", ["0199010000", "0261920000", "0353020000", "0465720000", "0536500000", "+442079460000"]
)
def test_beside_the_fiction_blocks_nothing_is_fiction(text: str) -> None:
    assert not Number.parse(text).is_fiction


@pytest.mark.parametrize(
    "text",
    [
        "0801234567", "0805000000", "0810000000", "0891123456", "0899000000", "+33 8 91 12 34 56", "33801234567",
        "15", "112", "118000", "3900", "+33 3900", "36 10", "1023", "0",
        "0700123456", "07001234567890", "+33700123456", "+337001234567890", "0709000000", "33700000000",
    ],
)  # fmt: skip
def test_special_numbers_are_refused(text: str) -> None:
    with pytest.raises(NumberInvalid):
        Number.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "063998010", "06399801022", "+3363998010", "+336399801022", "003363998010", "+330063998010", "639980102",
        "0039980102", "+3306399801022",
    ],
)  # fmt: skip
def test_a_french_number_has_nine_digits_after_the_zero(text: str) -> None:
    with pytest.raises(NumberInvalid):
        Number.parse(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+44 20 7946 0123", Number("442079460123", Line.LANDLINE, "44", "gb")),
        ("+44 (0)20 7946 0123", Number("442079460123", Line.LANDLINE, "44", "gb")),
        ("00442079460123", Number("442079460123", Line.LANDLINE, "44", "gb")),
        ("+49 30 23125 123", Number("493023125123", Line.LANDLINE, "49", "de")),
        ("+61 491 570 156", Number("61491570156", Line.MOBILE, "61", "au")),
        ("+1 212-555-0123", Number("12125550123", Line.MOBILE, "1", "us")),
    ],
)
def test_a_foreign_number_is_read_in_international_form(text: str, number: Number) -> None:
    assert Number.parse(text) == number


@pytest.mark.parametrize("text", ["442079460123", "12125550123", "020 7946 0123", "61491570156"])
def test_a_foreign_number_without_plus_is_refused_since_it_could_be_anybodys(text: str) -> None:
    with pytest.raises(NumberInvalid):
        Number.parse(text)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Type.FIXED_LINE, Line.LANDLINE),
        (Type.VOIP, Line.LANDLINE),
        (Type.MOBILE, Line.MOBILE),
        (Type.FIXED_LINE_OR_MOBILE, Line.MOBILE),
    ],
    ids=str,
)
def test_numbers_of_every_country_ring_the_line_that_their_type_says(kind: int, line: Line) -> None:
    numbers = examples(kind)
    assert len(numbers) > 10
    for number in numbers:
        country = phonenumbers.region_code_for_number(number)
        assert country is not None
        expected = Number(written(number)[1:], line, str(number.country_code), country.lower())
        assert Number.parse(written(number)) == expected


@pytest.mark.parametrize(
    "kind",
    [Type.PREMIUM_RATE, Type.SHARED_COST, Type.TOLL_FREE, Type.PAGER, Type.UAN, Type.PERSONAL_NUMBER, Type.VOICEMAIL],
    ids=Type.to_string,
)
def test_numbers_of_other_types_are_refused_in_every_country(kind: int) -> None:
    numbers = examples(kind)
    assert numbers
    for number in numbers:
        with pytest.raises(NumberInvalid):
            Number.parse(written(number))


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_numbers_of_no_country_are_refused(code: int) -> None:
    number = phonenumbers.example_number_for_non_geo_entity(code)
    assert number is not None
    with pytest.raises(NumberInvalid):
        Number.parse(written(number))


def test_a_number_that_no_plan_knows_is_refused() -> None:
    for text in ("+44 7700 900123", "+999 123456789", "+1 555 555 0123", "+4930" + "0" * 13):
        with pytest.raises(NumberInvalid):
            Number.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "+", "00", "+0639980102", "++33639980102", "+33+639980102", "0639980102+", "*0639980102",
        "#31#0639980102", "06ABC", "0639980I02", "tel:+33639980102", "+33639980102;ext=3", "+33639980102 ext 3",
        "0639980102x3", "+44 20 7946 0123;ext=3", "+44 20 7946 0123 x3", "+44 20 7946 01AB", "tel:+442079460123",
        "٠٦٣٩٩٨٠١٠٢", "+٣٣٦٣٩٩٨٠١٠٢", "0６39980102", "0639980١02", "०६३९९८०१०२", "+44 20 7946 ٠١٢٣",
        "＋33639980102", "0639980²02",
        "0639980102\0", "\x000639980102", "06\x0039980102", "+4420794\x0060123",
        "06399801\n02", "0639980102\n0639980103", "0639980102,0639980103", "0639980102 0639980103",
        "\ud800", "06 39 98 01 02 \U0001f4de", "'; DROP TABLE numbers; --",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NumberInvalid):
        Number.parse(text)


@pytest.mark.parametrize(
    "text",
    ["0" * 100_000, "+" * 100_000, "0639980102" * 10_000, "+44" + "2" * 100_000, "0" + " " * 100_000 + "639980102"],
)
def test_a_very_long_text_is_refused_and_hardly_quoted(text: str) -> None:
    with pytest.raises(NumberInvalid) as refused:
        Number.parse(text)
    assert text[:LONGEST_TEXT] in refused.value.message
    assert text[: LONGEST_TEXT + 1] not in refused.value.message


@given(st.text(max_size=60) | st.text(DIGITS + "+ ()-.", max_size=45) | st.from_regex(r"(\+|00)[1-9][0-9]{6,15}"))
def test_any_text_is_refused_or_gives_a_number_that_reads_back(text: str) -> None:
    try:
        number = Number.parse(text)
    except NumberInvalid:
        return
    assert number.digits.isascii()
    assert number.digits.isdigit()
    assert number.digits.startswith(number.calling_code)
    assert Number.parse(str(number)) == number


@given(st.one_of(fiction, overseas).map("0{}".format) | st.sampled_from(CALLABLE))
def test_a_number_reads_back_from_each_of_its_own_forms(text: str) -> None:
    number = Number.parse(text)
    assert Number.parse(str(number)) == number
    assert Number.parse(number.with_zeros) == number


def test_a_number_is_written_with_a_plus_or_with_two_zeros() -> None:
    number = Number.parse("06 39 98 01 00")
    assert (str(number), number.with_zeros) == ("+33639980100", "0033639980100")


def test_a_list_keeps_its_order_and_has_each_number_once() -> None:
    texts = [
        "01 99 00 00 01",
        "0639980102",
        "",
        "+33 (0)6 39 98 01 02",
        " \xa0",
        "0692000000",
        "33639980102",
        "+33692000000",
    ]
    numbers, rejected = parse_numbers(texts, 3)
    assert [str(number) for number in numbers] == ["+33199000001", "+33639980102", "+262692000000"]
    assert rejected == ()


def test_every_bad_number_of_a_list_is_named_once_with_its_reason() -> None:
    numbers, rejected = parse_numbers(["06ABC", "0639980102", " 0891123456 ", "06ABC", "-"], 500)
    assert [str(number) for number in numbers] == ["+33639980102"]
    assert rejected == tuple(
        Rejected(text, f"not a telephone number that can be called: {text!r}") for text in ("06ABC", "0891123456", "-")
    )


def test_a_bad_number_is_told_cut_after_forty_characters() -> None:
    _, (rejected,) = parse_numbers(["9" * 10_000], 500)
    assert rejected.text == "9" * 40


def test_a_long_text_that_begins_with_a_good_number_does_not_pass_for_it() -> None:
    numbers, rejected = parse_numbers(["0639980102", "0639980102" + " " * 40 + "5"], 500)
    assert (len(numbers), len(rejected)) == (1, 1)


@pytest.mark.parametrize("texts", [[], [""], ["", "  ", "\t\n", "\xa0"]])
def test_a_list_without_numbers_is_refused(texts: list[str]) -> None:
    with pytest.raises(NumbersMissing):
        parse_numbers(texts, 500)


def test_a_list_of_bad_numbers_alone_is_not_an_empty_one() -> None:
    numbers, rejected = parse_numbers(["06ABC"], 500)
    assert (len(numbers), len(rejected)) == (0, 1)


def test_as_many_numbers_as_allowed_pass_and_one_more_does_not() -> None:
    texts = [f"0639980{i:03}" for i in range(501)]
    numbers, _ = parse_numbers(texts[:500] * 2, 500)
    assert len(numbers) == 500
    with pytest.raises(TooManyNumbers):
        parse_numbers(texts, 500)


@pytest.mark.parametrize("form", ["063998{:04}", "bad {}"])
def test_a_list_that_never_ends_is_given_up_at_the_first_number_too_many(form: str) -> None:
    def hostile() -> Iterator[str]:
        for i in range(10_000):
            asked.append(i)
            yield form.format(i)

    asked: list[int] = []
    with pytest.raises(TooManyNumbers):
        parse_numbers(hostile(), 500)
    assert len(asked) == 501


@pytest.mark.parametrize(
    "value",
    [
        "0639980102,+33639980103", "0639980102;+33639980103", "0639980102\n+33639980103", "0639980102\r\n+33639980103",
        ",;0639980102,, ,\n+33639980103;",
    ],
)  # fmt: skip
def test_a_list_in_one_text_is_parted_at_commas_semicolons_and_line_breaks(value: str) -> None:
    assert split_numbers(value) == ["0639980102", "+33639980103"]


@pytest.mark.parametrize("value", ["", " ", ",", ",;\n" * 1_000])
def test_a_text_of_separators_alone_has_no_entry(value: str) -> None:
    assert split_numbers(value) == []


def test_the_errors_have_the_codes_that_a_door_maps() -> None:
    codes = [error.code for error in (NumberInvalid, NumbersMissing, TooManyNumbers)]
    assert codes == ["destination_invalid", "phone_number_required", "phone_number_size_error"]


def test_french_numbers_do_without_the_large_library() -> None:
    script = (
        "import sys; from portevoix.domain.number import Number, parse_numbers\n"
        "parse_numbers(['0639980102', '0692000000', '+590590000000', '0891123456', '+33891123456', '06ABC'], 500)\n"
        "assert 'phonenumbers' not in sys.modules\n"
        "Number.parse('+442079460123')\n"
        "assert 'phonenumbers' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
