"""Sounds that pages play."""

from __future__ import annotations

from portevoix.console.page import Visit
from portevoix.domain.audio import TelephoneAudio
from portevoix.web.answer import Answer
from portevoix.web.ranges import ranged

WAV = b"audio/wav"


def wav_answer(visit: Visit, audio: TelephoneAudio) -> Answer:
    """Answer with a sound as a WAV file, or with the bytes of it that a player asks for."""
    answer = ranged(visit.house.waves.linear(audio), WAV, audio.sha256, visit.scope)
    return Answer(answer.status, answer.body, WAV, (*answer.headers, *visit.headers))
