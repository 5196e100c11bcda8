"""Saying texts, as the phone will play them."""

from __future__ import annotations

from collections.abc import Sequence

from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import Utterance, Voice
from portevoix.ports import House


async def say(house: House, utterance: Utterance) -> TelephoneAudio:
    """Say a text. Raises TextMissing, TextTooLong, LanguageInvalid, SpeechFailed, SpeechUnavailable."""
    return await house.speech.speak(utterance)


def list_voices(house: House) -> Sequence[Voice]:
    """List the voices of the engine in use, the default first."""
    return house.speech.voices
