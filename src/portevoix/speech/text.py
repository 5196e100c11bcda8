"""Customers' text, made safe and plain for an engine, and cut where its commas pause.

The text is only ever text: mark-up in it is dropped, characters that steer an engine (controls, brackets)
never reach one, and no engine is asked to read SSML.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from portevoix.domain.speech import TextMissing, TextTooLong
from portevoix.speech.french import say_french

PAUSE_SAMPLES = 4_000
"""A comma's pause: half a second of telephone audio."""

_MOST_CHARACTERS = 40_000  # after compatibility forms are taken apart, which can make one character eighteen
_LONGEST_WORD = 80
_MOST_MARKS = 2

_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>")
_LINE_END = re.compile(r"\s*[\n\r\u2028\u2029]\s*")
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_WORD}}}(?=\S)")
_REPEATED_PUNCTUATION = re.compile(r"([.!?;:'\"()/\-])\1{3,}")
_DIGITS_AND_COMMAS = re.compile(r"\d+(?:,\d+)+")
_KEPT_SYMBOLS = frozenset("°%+=×÷−€$£&@")
_DROPPED_PUNCTUATION = frozenset("*#\\_[]{}|~^`")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text between pauses.

    Args:
        text: what to say; empty only where the message begins with a pause.
        pauses: how many commas follow it, half a second each.
    """

    text: str
    pauses: int


def segments(text: str, language: str) -> tuple[Segment, ...]:
    """Normalise a text and cut it at its commas.

    A comma is a pause of half a second. A comma between two digits is part of a number (``12,50 €``), and
    so are several that cut it in thousands (``1,000,000``); in any other row of digits (``1,2,3``) each is
    a pause.

    Raises:
        TextMissing: nothing in it can be said.
        TextTooLong: too long once its characters are taken apart.
    """
    pieces = _between_commas(clean(text))
    found: list[Segment] = []
    for index, piece in enumerate(pieces):
        spoken = say_french(piece, language) if language.startswith("fr") else piece.strip()
        if not any(character.isalnum() for character in spoken):
            spoken = ""
        pause = 1 if index < len(pieces) - 1 else 0
        if not spoken and found:
            found[-1] = Segment(found[-1].text, found[-1].pauses + pause)
        else:
            found.append(Segment(spoken, pause))
    if not any(segment.text for segment in found):
        raise TextMissing("there is nothing in the text that can be said")
    return tuple(found)


def clean(text: str) -> str:
    """Reduce a text to what is said: no mark-up, controls, emoji or ornaments; one form of each character.

    Raises:
        TextTooLong: too long once its characters are taken apart.
    """
    plain = unicodedata.normalize("NFKC", html.unescape(text))
    if len(plain) > _MOST_CHARACTERS:
        raise TextTooLong("the text is too long")
    plain = _LINE_END.sub(_sentence_end, _TAG.sub(" ", plain))
    plain = _limited_marks("".join(map(_kept, plain)))
    plain = _REPEATED_PUNCTUATION.sub(r"\1", plain)
    return " ".join(_LONG_WORD.sub(r"\g<0> ", plain).split())


def _sentence_end(line_end: re.Match[str]) -> str:
    before = line_end.string[: line_end.start()][-1:]
    return ". " if before.isalnum() else " "


def _kept(character: str) -> str:
    """A character itself, a space where it separates, or nothing."""
    category = unicodedata.category(character)
    if category == "Cf":
        return ""  # invisible: joiners, soft hyphens, direction marks
    # Beyond the basic plane there are emoji, ornaments and dead scripts; espeak-ng 1.52 crashes on some.
    if ord(character) > 0xFFFF or category[0] in "CZ" or character in _DROPPED_PUNCTUATION:
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))  # every script's digits, in one form
    if category in ("Sk", "Sm", "So") and character not in _KEPT_SYMBOLS:
        return " "
    return character


def _limited_marks(text: str) -> str:
    """Keep two combining marks on a letter, as many as any orthography puts there."""
    out: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            out.append(character)
    return "".join(out)


def _between_commas(text: str) -> list[str]:
    """Cut at every comma that is a pause."""
    cuts = {at for at, character in enumerate(text) if character == ","}
    for row in _DIGITS_AND_COMMAS.finditer(text):
        groups = row.group().split(",")
        if len(groups) == 2 or all(len(group) == 3 for group in groups[1:]):
            cuts -= set(range(*row.span()))
    pieces, start = [], 0
    for cut in sorted(cuts):
        pieces.append(text[start:cut])
        start = cut + 1
    return [*pieces, text[start:]]
