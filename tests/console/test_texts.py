"""Every text of the console is said in every language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from portevoix.console import words
from portevoix.console.texts import chosen, texts_in
from portevoix.domain.person import Language

ROOM = Path(str(files("portevoix.console")))
PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]|<[^>]+>")


def written() -> Iterator[str | tuple[str, ...]]:
    """What the room's code and templates say."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}
    keywords = {"N_": None, "say": None, "say_number": (1, 2), "gettext": None, "ngettext": (1, 2), "_": None}
    for _, _, message, _, _ in extract_from_dir(ROOM, methods, options, keywords=keywords):
        yield message


def translated(language: Language) -> dict[str | tuple[str, ...], str | tuple[str, ...]]:
    """What the catalogues of a language have."""
    found = {}
    for file in (ROOM / "locale" / language).glob("*.po"):
        with file.open("rb") as lines:
            for message in read_po(lines, locale=language):
                if message.id:
                    assert not message.fuzzy, f"{file.name}: {message.id}"
                    assert message.id not in found, f"{file.name}: {message.id} is translated twice"
                    found[message.id] = message.string
    return found


def test_every_text_is_translated_and_no_other() -> None:
    said, known = set(written()), translated(Language.FR)
    assert [text for text in said if not known.get(text)] == []
    assert [text for text in known if text not in said] == []


def test_a_translation_has_the_places_of_its_text() -> None:
    for text, translation in translated(Language.FR).items():
        one, other = (text, translation) if isinstance(text, str) else (text[1], translation[-1])
        assert sorted(PLACE.findall(str(one))) == sorted(PLACE.findall(str(other))), one


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en-GB,en;q=0.9,fr;q=0.8", Language.EN),
        ("de, fr;q=0.7, en;q=0.3", Language.FR),
        ("en;q=0, fr", Language.FR),
        ("de", Language.FR),
        ("", Language.FR),
        ("en;q=nonsense", Language.FR),
    ],
)
def test_the_browsers_first_language_that_there_is_is_spoken(header: str, language: Language) -> None:
    assert chosen(None, header) is language
    assert chosen(Language.EN, header) is Language.EN


def test_sums_and_dates_are_written_as_each_language_writes_them() -> None:
    french, english = texts_in(Language.FR), texts_in(Language.EN)
    assert french.euros(1_234_567_800) == "1\u202f234,5678\xa0€"
    assert english.euros(1_234_567_800) == "€1,234.5678"
    assert french.euros(-50_000) == "-0,05\xa0€"
    moment = datetime(2026, 1, 13, 22, 35, 9, tzinfo=UTC)
    assert french.moment(moment) == "13 janv. 2026, 23:35:09"
    assert english.moment(moment) == "13 Jan 2026, 23:35:09"
    assert french.day(date(2026, 2, 1)) == "1 févr."
    assert [french.duration(seconds) for seconds in (0, 59, 65, 3_600)] == ["0 s", "59 s", "1 min 05 s", "1 h 00 min"]


def test_a_code_without_a_word_is_said_as_it_is() -> None:
    assert words.word(texts_in(Language.FR), "dialing") == "composition"
    assert words.word(texts_in(Language.FR), "unheard_of") == "unheard_of"
