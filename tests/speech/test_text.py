"""Commas, and what is left of a text before an engine sees it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portevoix.domain.speech import TextMissing, TextTooLong
from portevoix.speech.text import Segment, clean, segments


def cut(text, language="fr"):
    return [(segment.text, segment.pauses) for segment in segments(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("un ,,,,,, deux", [("un", 6), ("deux", 0)]),
        ("oui", [("oui", 0)]),
        (",oui", [("", 1), ("oui", 0)]),
        ("oui,", [("oui", 1)]),
        ("oui , , non", [("oui", 2), ("non", 0)]),
        ("oui,😀,non", [("oui", 2), ("non", 0)]),
        ("12,50 €", [("douze euros cinquante", 0)]),
        ("12, 50", [("douze", 1), ("cinquante", 0)]),
        ("12,,50", [("douze", 2), ("cinquante", 0)]),
        ("tapez 1,2,3", [("tapez un", 1), ("deux", 1), ("trois", 0)]),
        ("1,000,000", [("un million", 0)]),
        ("a,1", [("a", 1), ("un", 0)]),
        ("un，deux", [("un", 1), ("deux", 0)]),  # a full-width comma is one
    ],
)
def test_each_comma_is_a_pause_but_for_those_in_numbers(text, expected):
    assert cut(text) == expected


def test_other_languages_keep_their_figures_for_the_engine():
    assert cut("It costs 1,250.50, see you at 14:30", "en-gb") == [
        ("It costs 1,250.50", 1),
        ("see you at 14:30", 0),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>Bonjour</b> à <i class='x'>tous</i>", "Bonjour à tous"),
        ("R&amp;D &lt;speak&gt;oui&lt;/speak&gt;", "R&D oui"),
        ("5 < 6 et 7 > 3", "5 6 et 7 3"),
        ("a\x00b\x01c\x1bd", "a b c d"),
        ("bon\u00adjour \u200bà\u200d tous", "bonjour à tous"),
        ("Bonjour\nà tous.\r\n\r\nMerci", "Bonjour. à tous. Merci"),
        ("oui 😀 non 🇫🇷", "oui non"),
        ("𝐁𝐨𝐧𝐣𝐨𝐮𝐫 ﬁn Ⅳ", "Bonjour fin IV"),
        ("[[x]] {y} |z| *a* _b_ #c", "x y z a b c"),
        ("e\u0301te\u0301", "été"),
        ("a" + "\u0301" * 50, "á" + "\u0301" * 2),
        ("!!!!!!!!", "!"),
        ("٣ chats", "3 chats"),
        ("\ud800oui\udfff", "oui"),
        ("x" * 200, "x" * 80 + " " + "x" * 80 + " " + "x" * 40),
        ("12\u202f500\u00a0€", "12 500 €"),
    ],
)
def test_what_is_left_of_a_text(text, expected):
    assert clean(text) == expected


def test_characters_that_become_many_do_not_make_a_text_endless():
    with pytest.raises(TextTooLong):
        clean("\ufdfa" * 3_000)


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_cut_or_refused(text):
    try:
        found = segments(text, "fr")
    except TextMissing:
        return
    assert all(isinstance(segment, Segment) and segment.text.isprintable() for segment in found)
    assert not any(set("<>[]{}|\\^~`_*#") & set(segment.text) for segment in found)
    assert all(segment.pauses for segment in found[:-1])


@given(st.text(alphabet="0123456789 ,.:/h€%-+eEmMkj°", max_size=120))
@settings(max_examples=500, deadline=None)
def test_any_row_of_figures_is_read(text):
    try:
        found = segments(text, "fr")
    except TextMissing:
        return
    assert not any(character.isdigit() for segment in found for character in segment.text)
