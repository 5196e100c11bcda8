# SPDX-License-Identifier: MIT
"""Texts as the phone will say them, and the voices that say them."""

from __future__ import annotations

from dataclasses import dataclass

from portevoix.client.answer import Answer
from portevoix.client.key import KeyPlace
from portevoix.client.request import Request
from portevoix.client.shape import read_text


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the service's speech engine.

    Args:
        id: unique within its engine.
        lang: a language tag (BCP 47), which a text is said in.
        name: for people.
        engine: the engine's name.
    """

    id: str
    lang: str
    name: str
    engine: str


def say(text: str, lang: str, rate: float) -> Request[bytes]:
    """Have a text said, as a WAV file."""
    # The rate as text: what is no number is refused by the service, in its words.
    body = {"text": text, "lang": lang, "speech_rate": str(rate)}
    return Request("POST", "/v2/speech", KeyPlace.BEARER, Answer.wav, body=body)


def _read_voices(answer: Answer) -> list[Voice]:
    fields = answer.fields()
    with answer.reading("the list of voices"):
        return [
            Voice(*(read_text(item[name]) for name in ("id", "lang", "name", "engine"))) for item in fields["items"]
        ]


VOICES = Request("GET", "/v2/voices", KeyPlace.BEARER, _read_voices)
