"""French text as it is read aloud: numbers, hours, dates, amounts, telephone numbers, abbreviations.

One pattern, tried from left to right, its alternatives in order; each has a reader. Engines differ in how
they read figures; words they all read alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from portevoix.speech.numerals import MOST_DIGITS, cardinal, digits, group, ordinal

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
    *("août", "septembre", "octobre", "novembre", "décembre"),
)
# unit → (singular, plural, feminine, its hundredth)
_CURRENCIES = {
    "€": ("euro", "euros", False, "centime"),
    "$": ("dollar", "dollars", False, "cent"),
    "£": ("livre", "livres", True, "penny"),
    "chf": ("franc suisse", "francs suisses", False, "centime"),
}
_CURRENCY_NAMES = {
    "eur": "€",
    "euro": "€",
    "euros": "€",
    "usd": "$",
    "dollar": "$",
    "dollars": "$",
    "gbp": "£",
}
_UNITS = {
    "km/h": ("kilomètre heure", "kilomètres heure"),
    "km": ("kilomètre", "kilomètres"),
    "cm": ("centimètre", "centimètres"),
    "mm": ("millimètre", "millimètres"),
    "m2": ("mètre carré", "mètres carrés"),
    "m3": ("mètre cube", "mètres cubes"),
    "m": ("mètre", "mètres"),
    "kg": ("kilo", "kilos"),
    "min": ("minute", "minutes"),
    "mn": ("minute", "minutes"),
    "j": ("jour", "jours"),
    "%": ("pour cent", "pour cent"),
    "°C": ("degré", "degrés"),
    "°": ("degré", "degrés"),
}
_FEMININE_UNITS = {"min", "mn"}
_ABBREVIATIONS = {
    "mme": "madame",
    "mmes": "mesdames",
    "mlle": "mademoiselle",
    "mlles": "mesdemoiselles",
    "dr": "docteur",
    "n°": "numéro",
    "rdv": "rendez-vous",
    "svp": "s'il vous plaît",
    "stp": "s'il te plaît",
    "tél": "téléphone",
}
_SYMBOLS = {
    "&": " et ",
    "@": " arobase ",
    "+": " plus ",
    "=": " égale ",
    "×": " fois ",
    "÷": " divisé par ",
    "%": " pour cent ",
    "€": " euros ",
    "$": " dollars ",
    "£": " livres ",
    "°": " degrés ",
}

_NUMBER = r"(?:\d{1,3}(?:[ .]\d{3})+(?!\d)|\d{1,3}(?:,\d{3}){2,}(?!\d)|\d+)(?:[.,]\d+)?"
_CURRENCY = r"€|\$|£|EUR\b|USD\b|GBP\b|CHF\b|[Ee]uros?\b|[Dd]ollars?\b"
_UNIT = "|".join(
    re.escape(unit) + (r"\b" if unit[-1].isalnum() else "") for unit in sorted(_UNITS, key=len, reverse=True)
)
_TOKEN = re.compile(
    rf"""
      (?P<phone>  (?<![\d+]) (?: (?:\+|00)\ ?33\ ?(?:\(0\)\ ?)?[1-9] | 0[1-9] ) (?:[ .\-]?\d\d){{4}} (?!\d) )
    | (?P<grouped>(?<!\d) 0\d{{3}}\ \d{{3}}\ \d{{3}} (?!\d) )
    | (?P<dmy>    (?<![\d/.\-]) (?:0?[1-9]|[12]\d|3[01])(?P<dash>[/.\-])(?:0?[1-9]|1[0-2])(?P=dash)
                  (?:\d{{4}}|\d\d)(?![\d/]) )
    | (?P<ymd>    (?<!\d) \d{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]) (?!\d) )
    | (?P<time>   (?<![\d,.:]) (?:[01]?\d|2[0-4])
                  (?: \ ?[hH]\ ?(?:[0-5]\d(?!\d))?(?![^\W\d]) | :[0-5]\d(?![\d:]) ) )
    | (?P<dotted> (?<![\d.,]) \d+(?:\.\d+){{2,}} (?![\d,]) )
    | (?P<before> (?<!\w) [€$£]\ ?{_NUMBER} )
    | (?P<amount> (?<!\d) {_NUMBER}\ ?(?:{_CURRENCY}) )
    | (?P<measure>(?<![\w]) {_NUMBER}\ ?(?:{_UNIT}) )
    | (?P<rank>   (?<![\w,.]) \d{{1,6}}\ ?(?:er|ère|re|ème|ième|ième|e|nde|nd)\b )
    | (?P<short>  (?<=\b[aA]u\ )3\d{{3}}(?!\d|\ ?{_UNIT}) | (?<=\b[lL]e\ )3\d{{3}}(?!\d) )
    | (?P<number> {_NUMBER} )
    | (?P<minus>  (?<![\w)]) [-−]\ ?(?=\d) )
    | (?P<over>   (?<=[\dhj])/(?=\d) )
    | (?P<site>   (?<![\w.]) (?:www\.)?[A-Za-z][\w\-]*(?:\.[\w\-]+)*\.(?:fr|com|org|net|eu|be|ch|info|io)\b )
    | (?P<sir>    \bM\.(?=\ ?[A-ZÀ-Ý]) | \bMM\. )
    | (?P<abbreviation>
                  (?<!\w)(?:[Mm]mes?|[Mm]lles?|Dr|[nN]°|RDV|[rR]dv|[sS]vp|SVP|[sS]tp|STP|[tT]él)(?!\w)\.? )
    | (?P<symbol> [&@+=×÷%€$£°] )
    """,
    re.VERBOSE,
)


def say_french(text: str, language: str = "fr") -> str:
    """Write a text as it is said, in words; it must be clean (:func:`portevoix.speech.text.clean`).

    Args:
        text: without the commas that are pauses.
        language: ``fr-be`` and ``fr-ch`` count with septante and nonante.
    """
    septante = language in ("fr-be", "fr-ch")

    def say(token: re.Match[str]) -> str:
        kind = token.lastgroup or ""
        kind = "dmy" if kind == "dash" else kind
        return f" {_READERS[kind](token.group().strip(), septante)} "

    return re.sub(r"\s+([.!?;:)])", r"\1", " ".join(_TOKEN.sub(say, text).split()))


def _phone(text: str, septante: bool) -> str:
    """By pairs, as telephone numbers are said; the commas are short breaths, not the customer's pauses."""
    plain = re.sub(r"\(0\)|\D", "", text)
    prefix = ""
    if not text.startswith("0") or text.startswith("00"):
        national = plain.removeprefix("00").removeprefix("33")
        sign = "plus" if text.startswith("+") else "zéro zéro"
        prefix = f"{sign} trente-trois, {group(national[0])}, "
        plain = national[1:]
    pairs = (plain[at : at + 2] for at in range(0, len(plain), 2))
    return prefix + ", ".join(group(pair, septante=septante) for pair in pairs)


def _grouped(text: str, septante: bool) -> str:
    return ", ".join(group(part, septante=septante) for part in text.split())


def _date(day: int, month: int, year: str, septante: bool) -> str:
    said_year = cardinal(int(year) + (2_000 if len(year) == 2 else 0), septante=septante)
    said_day = "premier" if day == 1 else cardinal(day, septante=septante)
    return f"{said_day} {_MONTHS[month - 1]} {said_year}"


def _day_first(text: str, septante: bool) -> str:
    day, month, year = re.split(r"[/.\-]", text)
    return _date(int(day), int(month), year, septante)


def _year_first(text: str, septante: bool) -> str:
    year, month, day = text.split("-")
    return _date(int(day), int(month), year, septante)


def _time(text: str, septante: bool) -> str:
    hour, _, minute = re.sub(r"\s*[hH:]\s*", ":", text).partition(":")
    said = f"{cardinal(int(hour), feminine=True)} heure{'s' if int(hour) > 1 else ''}"
    if minute and int(minute):
        said += f" {cardinal(int(minute), feminine=True, septante=septante)}"
    return said


def _parts(text: str) -> tuple[str, str]:
    """Whole and decimal digits of a number as it is written in French."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3}){2,}", text):
        return text.replace(",", ""), ""
    grouped = re.match(r"\d{1,3}(?:[ .]\d{3})+(?!\d)", text)
    whole = grouped.group() if grouped else re.split(r"[.,]", text)[0]
    return re.sub(r"\D", "", whole), text[len(whole) + 1 :]


def _whole(text: str, septante: bool, feminine: bool = False) -> str:
    if len(text) > 1 and text.startswith("0"):
        pairs = [text[at : at + 2] for at in range(0, len(text), 2)]
        return ", ".join(group(pair, septante=septante) for pair in pairs) if len(text) % 2 == 0 else digits(text)
    if len(text) > MOST_DIGITS:
        return digits(text)
    return cardinal(int(text), septante=septante, feminine=feminine)


def _is_plural(whole: str) -> bool:
    """Whether a number takes the plural, which in French begins at two."""
    return whole.lstrip("0") not in ("", "1")


def _number(text: str, septante: bool) -> str:
    whole, decimals = _parts(text)
    said = _whole(whole, septante)
    if not decimals:
        return said
    # Up to three decimals are said as a number after their zeros, more one by one.
    tail = group(decimals, septante=septante) if len(decimals) <= 3 else digits(decimals)
    return f"{said} virgule {tail}"


def _split_unit(text: str) -> tuple[str, str]:
    number = re.match(_NUMBER, text)
    assert number is not None
    return number.group(), text[number.end() :].strip()


def _amount(text: str, septante: bool) -> str:
    written, unit = _split_unit(text)
    return _money(written, unit, septante)


def _symbol_first(text: str, septante: bool) -> str:
    return _money(text[1:].strip(), text[0], septante)


def _money(written: str, unit: str, septante: bool) -> str:
    """``douze euros cinquante``; half a cent and finer is read as a decimal number."""
    unit = _CURRENCY_NAMES.get(unit.lower(), unit.lower())
    one, many, feminine, hundredth = _CURRENCIES[unit]
    whole, decimals = _parts(written)
    if len(decimals) > 2:
        return f"{_number(written, septante)} {many}"
    cents = int(decimals.ljust(2, "0"))
    if cents and not whole.strip("0"):
        plural = {"penny": "pence"}.get(hundredth, f"{hundredth}s")
        return f"{cardinal(cents, septante=septante)} {plural if cents > 1 else hundredth}"
    said = _whole(whole, septante, feminine)
    name = many if _is_plural(whole) else one
    if re.search(r"milli(on|ard)s?$", said):  # these are nouns: "un million d'euros"
        name = f"d'{name}" if name[0] == "e" else f"de {name}"
    return f"{said} {name}" + (f" {cardinal(cents, septante=septante)}" if cents else "")


def _measure(text: str, septante: bool) -> str:
    written, unit = _split_unit(text)
    whole, decimals = _parts(written)
    feminine = unit in _FEMININE_UNITS and not decimals
    said = _whole(whole, septante, feminine) if not decimals else _number(written, septante)
    one, many = _UNITS[unit]
    return f"{said} {many if _is_plural(whole) else one}"


def _rank(text: str, septante: bool) -> str:
    number, suffix = re.fullmatch(r"(\d+)\s?(\D+)", text).groups()  # type: ignore[union-attr]
    if suffix in ("nd", "nde") and number == "2":
        return "second" if suffix == "nd" else "seconde"
    return ordinal(int(number), feminine=suffix in ("re", "ère"), septante=septante)


def _short(text: str, septante: bool) -> str:
    """Four-figure service numbers (3639) are said by pairs."""
    return f"{group(text[:2], septante=septante)} {group(text[2:], septante=septante)}"


def _dotted(text: str, septante: bool) -> str:
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", text):
        return _number(text, septante)
    return " point ".join(_whole(part, septante) for part in text.split("."))


def _site(text: str, _septante: bool) -> str:
    said = text.replace("www.", "trois w point ") if text.startswith("www.") else text
    return said.replace(".", " point ").replace("-", " tiret ")


def _abbreviation(text: str, _septante: bool) -> str:
    return _ABBREVIATIONS[text.rstrip(".").lower()]


_READERS: dict[str, Callable[[str, bool], str]] = {
    "phone": _phone,
    "grouped": _grouped,
    "dmy": _day_first,
    "ymd": _year_first,
    "time": _time,
    "dotted": _dotted,
    "before": _symbol_first,
    "amount": _amount,
    "measure": _measure,
    "rank": _rank,
    "short": _short,
    "number": _number,
    "minus": lambda _text, _septante: "moins",
    "over": lambda _text, _septante: "sur",
    "site": _site,
    "sir": lambda text, _septante: "messieurs" if text.startswith("MM") else "monsieur",
    "abbreviation": _abbreviation,
    "symbol": lambda text, _septante: _SYMBOLS[text],
}
