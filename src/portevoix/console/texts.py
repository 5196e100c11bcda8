"""What the console says, in the reader's language: catalogues, dates, sums."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.support import NullTranslations, Translations

from portevoix.domain.money import MICROS_PER_EURO
from portevoix.domain.person import Language
from portevoix.domain.schedule import PARIS

DEFAULT = Language.FR

_LOCALES = {Language.FR: "fr_FR", Language.EN: "en_GB"}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark a text for the catalogue, where it is said elsewhere."""
    return text


@dataclass(frozen=True, slots=True)
class Texts:
    """One language."""

    language: Language
    locale: Locale
    say: Callable[[str], str]
    say_number: Callable[[str, str, int], str]

    def euros(self, micros: int) -> str:
        """Write a sum with its currency: two decimals at least, none lost."""
        value = Decimal(micros) / MICROS_PER_EURO
        return format_currency(value, "EUR", locale=self.locale, currency_digits=False, decimal_quantization=False)

    def number(self, value: int) -> str:
        """Write a number."""
        return format_decimal(value, locale=self.locale)

    def decimal(self, value: object) -> str:
        """Write a number that is not whole."""
        return format_decimal(Decimal(str(value)), locale=self.locale)

    def percent(self, share: float) -> str:
        """Write a share of one."""
        return format_percent(share, locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """Write a moment, in Paris time, to the second."""
        return format_datetime(moment, "medium", tzinfo=PARIS, locale=self.locale)

    def plain_moment(self, moment: datetime) -> str:
        """Write a moment, in Paris time, as spreadsheets and programs read it."""
        return moment.astimezone(PARIS).strftime("%Y-%m-%d %H:%M:%S")

    def hour(self, moment: datetime) -> str:
        """Write the hour of a moment, in Paris time, to the second."""
        return format_time(moment, "medium", tzinfo=PARIS, locale=self.locale)

    def day(self, day: date) -> str:
        """Write a day."""
        return format_date(day, "d MMM", locale=self.locale)

    def duration(self, seconds: int) -> str:
        """Write a duration: ``45 s``, ``3 min 05 s``, ``12 h 30 min``."""
        minutes, rest_s = divmod(seconds, 60)
        hours, rest_min = divmod(minutes, 60)
        if hours:
            return f"{self.number(hours)} h {rest_min:02d} min"
        return f"{minutes} min {rest_s:02d} s" if minutes else f"{rest_s} s"


@cache
def texts_in(language: Language) -> Texts:
    """Open a language."""
    catalogue = _catalogue(language)
    return Texts(language, Locale.parse(_LOCALES[language]), catalogue.gettext, catalogue.ngettext)


def _catalogue(language: Language) -> NullTranslations:
    """Read a language's catalogues, one a subject, as translators write them; English is what all texts are in."""
    if language is Language.EN:
        return NullTranslations()
    whole = Catalog(locale=language)
    for file in sorted(files("portevoix.console").joinpath("locale", language).iterdir(), key=lambda one: one.name):
        for message in read_po(io.BytesIO(file.read_bytes()), locale=language):
            if message.id:
                whole[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return Translations(compiled)


def chosen(own: Language | None, header: str) -> Language:
    """Choose a language: the person's own, else the first one of the browser's that there is.

    Args:
        header: ``Accept-Language`` (RFC 9110, 12.5.4).
    """
    if own is not None:
        return own
    for wish in sorted(map(_wish, header.split(",")), key=lambda one: -one[1]):
        for language in Language:
            if wish[0].partition("-")[0] == language and wish[1] > 0:
                return language
    return DEFAULT


def _wish(text: str) -> tuple[str, float]:
    name, _, weight = text.strip().lower().partition(";q=")
    try:
        return name, float(weight or 1)
    except ValueError:
        return name, 0.0
