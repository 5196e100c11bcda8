"""Telephone numbers to call: how they are written, where they lead, and which are refused.

French numbers are read by the table here, since general libraries know neither the regulator's fiction blocks nor
all of the overseas ones; foreign numbers are read by the ``phonenumbers`` library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from portevoix.domain.errors import InvalidValue

LONGEST_TEXT = 40  # the longest writing of a number that is read, and what a refusal quotes of it at most
LONGEST_DIGITS = 15  # E.164

#: What stands between digits in writing: blanks, marks of grouping, dashes, and the direction marks that contact lists
#: paste along. No line break: two numbers must not become one.
_BETWEEN = {
    ord(mark): None for mark in " \t\u00a0\u2007\u2009\u202f./()-\u2010\u2011\u2012\u2013\u2014\u200e\u202a\u202c"
}
_SEPARATORS = re.compile(r"[,;\r\n]+")

_FRENCH = re.compile(r"(?:(?:\+|00)?(33|262|590|594|596)0?|0)([1-9][0-9]{8})")
_FOREIGN = re.compile(r"(?:\+|00)([1-9][0-9]{6,17})")  # with a trunk zero or two, which the library drops
_FICTION = re.compile(r"33(?:63998|19900|26191|35301|46571|53649)[0-9]{4}")


class NumberInvalid(InvalidValue):
    """A number is none, or may not be called."""

    code = "destination_invalid"


class NumbersMissing(InvalidValue):
    """No number was given."""

    code = "phone_number_required"


class TooManyNumbers(InvalidValue):
    """More numbers were given than one request may have."""

    code = "phone_number_size_error"


class Line(StrEnum):
    """What a number rings, which decides its price."""

    MOBILE = "mobile"
    LANDLINE = "landline"


_METROPOLITAN_MOBILE = ("33", "fr", Line.MOBILE)
_METROPOLITAN_LANDLINE = ("33", "fr", Line.LANDLINE)

#: By the first three digits after the zero: calling code, country, line. +590 also serves Saint-Barthélemy and
#: Saint-Martin, whose numbers cannot all be told from Guadeloupe's: they count as ``gp``. 070 is not there, nor is 08:
#: freephone, shared cost and premium rate.
_PLAN = {
    **{f"{head}": _METROPOLITAN_LANDLINE for head in (*range(100, 600), *range(900, 1000))},
    **{f"{head}": _METROPOLITAN_MOBILE for head in (*range(600, 700), *range(710, 800))},
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


@dataclass(frozen=True, slots=True)
class Number:
    """A number that may be called; ``parse`` makes it.

    Args:
        digits: in E.164, without the plus.
        line: what it rings.
        calling_code: the country calling code that ``digits`` begin with.
        country: ISO 3166 alpha-2 in lower case; for overseas France the territory's own, such as ``re``.
    """

    digits: str
    line: Line
    calling_code: str
    country: str

    @classmethod
    def parse(cls, text: str) -> Number:
        """Read a number as people and programs write it.

        Read are the French national form (``06 39 98 01 02``), the international one after ``+`` or ``00``, also with
        the needless zero of ``+33 (0)6 …``, and ``33639980102``. The last, without plus, is for France and its
        overseas territories only: towards other countries such digits could be somebody's national form.

        ``+33 692 …`` is wrong for an overseas number, but read as ``+262 692 …``: all of France shares one national
        plan, so nobody else can have that number. ``070…`` is refused: machines' numbers of fourteen digits, and
        overseas ones that need their own calling code.

        Raises:
            NumberInvalid: not a number, or one that may not be called: special, premium rate, of no country.
        """
        return _read(_compact(text), text)

    @property
    def is_fiction(self) -> bool:
        """Whether the French regulator set it aside for fiction: it can neither call nor be called."""
        return _FICTION.fullmatch(self.digits) is not None

    @property
    def with_zeros(self) -> str:
        """As the vendor's webhooks write it: ``0033639980100``."""
        return f"00{self.digits}"

    def __str__(self) -> str:
        return f"+{self.digits}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry of a list that is no number to call.

    Args:
        text: as it was written, cut after 40 characters.
        reason: why, in English.
    """

    text: str
    reason: str


def parse_numbers(texts: Iterable[str], most: int) -> tuple[tuple[Number, ...], tuple[Rejected, ...]]:
    """Read a list of numbers: in order, each once however it is written, blank entries skipped.

    Args:
        texts: read only until there are too many, so a hostile list costs little.
        most: how many may be given; rejected ones count too.

    Returns:
        the numbers, and what is wrong with the others.

    Raises:
        NumbersMissing: there are none, not even wrong ones.
        TooManyNumbers: more than ``most``.
    """
    numbers: dict[str, Number] = {}
    rejected: list[Rejected] = []
    seen: set[str] = set()
    for text in texts:
        compact = _compact(text)
        if compact in seen or not text.strip():
            continue
        seen.add(compact)
        try:
            number = _read(compact, text)
            numbers.setdefault(number.digits, number)
        except NumberInvalid as error:
            rejected.append(Rejected(text.strip()[:LONGEST_TEXT], error.message))
        if len(numbers) + len(rejected) > most:
            raise TooManyNumbers(f"there are more than {most} telephone numbers")
    if not seen:
        raise NumbersMissing("there is no telephone number")
    return tuple(numbers.values()), tuple(rejected)


def split_numbers(value: str) -> list[str]:
    """Part a list in one text: at commas, semicolons and line breaks. Blank entries are left out."""
    return [text for text in _SEPARATORS.split(value) if text.strip()]


def _compact(text: str) -> str:
    """Drop what stands between digits. A text that is too long is cut where no reading of it can succeed."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        return text[: LONGEST_TEXT + 1]
    # Most clients send plain digits, and looking is cheaper than translating.
    return text if text.lstrip("+").isalnum() else text.translate(_BETWEEN)


def _read(compact: str, text: str) -> Number:
    french = _FRENCH.fullmatch(compact)
    number = _read_french(french[1], french[2]) if french else None
    return number or _read_foreign(compact, text)


def _read_french(calling_code: str | None, national: str) -> Number | None:
    """Read nine digits of the French national plan; ``None`` where the table does not know them.

    Args:
        calling_code: as it was written; +33 is understood for all of the plan.
    """
    # The fiction block 06 39 98 lies within Mayotte's 0639, and is metropolitan.
    place = _METROPOLITAN_MOBILE if national.startswith("63998") else _PLAN.get(national[:3])
    if place is None:
        return None
    code, country, line = place
    return Number(code + national, line, code, country) if calling_code in (None, "33", code) else None


def _read_foreign(compact: str, text: str) -> Number:
    """Read an international number by the library.

    What may be either line, as North America's numbers, counts as mobile: nobody can tell them apart, so they should
    cost the same; and where a tariff has mobiles dearer, what is set aside covers the call whichever it is.
    """
    match = _FOREIGN.fullmatch(compact)
    if match is None or match[1].startswith("33"):  # on France the table has the last word
        raise _refusal(text)
    import phonenumbers  # it is large, and French numbers do without
    from phonenumbers import PhoneNumberType as Type

    lines = {
        Type.FIXED_LINE: Line.LANDLINE,
        Type.VOIP: Line.LANDLINE,
        Type.FIXED_LINE_OR_MOBILE: Line.MOBILE,
        Type.MOBILE: Line.MOBILE,
    }
    try:
        parsed = phonenumbers.parse(f"+{match[1]}")
    except phonenumbers.NumberParseException:
        raise _refusal(text) from None
    country = phonenumbers.region_code_for_number(parsed)
    # What the library finds invalid is of unknown type, and every type not in the table is refused.
    line = lines.get(phonenumbers.number_type(parsed))
    digits = f"{parsed.country_code}{phonenumbers.national_significant_number(parsed)}"
    # Satellites and other networks of no country (region 001) are left out: no country's tariff covers them.
    if line is None or country is None or not country.isalpha() or len(digits) > LONGEST_DIGITS:
        raise _refusal(text)
    return Number(digits, line, str(parsed.country_code), country.lower())


def _refusal(text: str) -> NumberInvalid:
    return NumberInvalid(f"not a telephone number that can be called: {text.strip()[:LONGEST_TEXT]!r}")
