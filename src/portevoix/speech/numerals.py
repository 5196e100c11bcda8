"""French numerals in words, as they are said."""

from __future__ import annotations

import re

_ONES = (
    *("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze"),
    *("treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf"),
)
_TENS = ("", "", "vingt", "trente", "quarante", "cinquante", "soixante")
_SCALES = ((10**9, "milliard"), (10**6, "million"))

MOST_DIGITS = 12
"""The longest number that is said as a number; longer ones are said digit by digit."""


def cardinal(number: int, *, feminine: bool = False, septante: bool = False) -> str:
    """Say a number from 0 to 999,999,999,999: ``quatre-vingt-onze``.

    Args:
        number: not negative.
        feminine: ``une``, ``vingt et une``, as before a feminine noun.
        septante: say 70 and 90 as in Belgium and Switzerland.
    """
    if not 0 <= number < 10**MOST_DIGITS:
        raise ValueError(f"{number} is out of range")
    words = []
    rest = number
    for scale, name in _SCALES:
        count, rest = divmod(rest, scale)
        if count:
            words.append(f"{_below_thousand(count, septante)} {name}{'s' if count > 1 else ''}")
    thousands, rest = divmod(rest, 1_000)
    if thousands == 1:
        words.append("mille")
    elif thousands:
        # "cents" and "vingts" lose their s before "mille", which is no noun.
        words.append(re.sub(r"(cent|vingt)s$", r"\1", _below_thousand(thousands, septante)) + " mille")
    if rest or not words:
        words.append(_below_thousand(rest, septante))
    said = " ".join(words)
    return f"{said}e" if feminine and (said == "un" or said.endswith((" un", "-un"))) else said


def ordinal(number: int, *, feminine: bool = False, septante: bool = False) -> str:
    """Say a rank: ``premier``, ``première``, ``vingt et unième``."""
    if number == 1:
        return "première" if feminine else "premier"
    said = cardinal(number, septante=septante)
    if said.endswith(("vingts", "cents", "millions", "milliards")):
        said = said[:-1]
    if said.endswith("cinq"):
        return f"{said}uième"
    if said.endswith("neuf"):
        return f"{said[:-1]}vième"
    return f"{said.removesuffix('e')}ième"


def digits(text: str) -> str:
    """Say digits one by one: ``zéro zéro sept``."""
    return " ".join(_ONES[int(digit)] for digit in text)


def group(text: str, *, septante: bool = False) -> str:
    """Say a group of digits as in a telephone number: its zeros in front one by one, then a number."""
    number = text.lstrip("0")
    zeros = digits("0" * (len(text) - len(number)))
    said = cardinal(int(number), septante=septante) if number else ""
    return f"{zeros} {said}".strip()


def _below_thousand(number: int, septante: bool) -> str:
    hundreds, rest = divmod(number, 100)
    words = []
    if hundreds == 1:
        words.append("cent")
    elif hundreds:
        words.append(f"{_ONES[hundreds]} cent{'' if rest else 's'}")
    if rest or not hundreds:
        words.append(_below_hundred(rest, septante))
    return " ".join(words)


def _below_hundred(number: int, septante: bool) -> str:
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    if tens in (7, 9) and septante:
        return _joined("septante" if tens == 7 else "nonante", ones)
    if tens >= 8:
        return "quatre-vingts" if number == 80 else f"quatre-vingt-{_ONES[number - 80]}"
    if tens == 7:
        return "soixante et onze" if ones == 1 else f"soixante-{_ONES[10 + ones]}"
    return _joined(_TENS[tens], ones)


def _joined(tens: str, ones: int) -> str:
    if ones == 0:
        return tens
    return f"{tens} et un" if ones == 1 else f"{tens}-{_ONES[ones]}"
