"""The engine that is always there: espeak-ng, every language that it has, in the sandbox."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from portevoix.audio.sandbox import JobCrashed, Sandbox
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import SpeechFailed, SpeechLimits, Utterance, Voice
from portevoix.speech.engine import choose_voice, run_speech, speech_limits
from portevoix.speech.espeak_voices import ALIASES, VOICES
from portevoix.speech.text import Segment, segments

_NAME = "espeak-ng"
_VOICES = tuple(Voice(tag, tag, name, _NAME) for tag, _, name in VOICES)
_FILE_OF = {tag: file for tag, file, _ in VOICES}


class EspeakSpeech:
    """Speaks with espeak-ng.

    Args:
        sandbox: with the module ``portevoix.speech.jobs`` in it.
        limits: of one message.
    """

    def __init__(self, sandbox: Sandbox, limits: SpeechLimits | None = None) -> None:
        self._sandbox = sandbox
        self._duration_s = (limits or SpeechLimits()).duration_s

    @property
    def name(self) -> str:
        return _NAME

    @property
    def voices(self) -> Sequence[Voice]:
        return _VOICES

    def voice(self, language: str) -> Voice:
        return choose_voice(_VOICES, language, ALIASES)

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        voice = self.voice(utterance.language)
        spoken = segments(utterance.text, voice.language)
        try:
            return await self._say(voice, utterance, spoken)
        except SpeechFailed as failed:
            if not isinstance(failed.__cause__, JobCrashed):
                raise
        # The library aborts on some letters that a language lacks; without their accents it says them.
        return await self._say(voice, utterance, [_unaccented(segment) for segment in spoken])

    async def _say(self, voice: Voice, utterance: Utterance, spoken: Sequence[Segment]) -> TelephoneAudio:
        arguments = {
            "voice": _FILE_OF[voice.id],
            "rate_percent": utterance.rate.percent,
            "duration_s": self._duration_s,
            "segments": [(segment.text, segment.pauses) for segment in spoken],
        }
        limits = speech_limits(self._duration_s)
        return await run_speech(self._sandbox, "speech.espeak", arguments, b"", limits)


def _unaccented(segment: Segment) -> Segment:
    taken_apart = unicodedata.normalize("NFD", segment.text)
    kept = (character for character in taken_apart if unicodedata.category(character)[0] != "M")
    return Segment("".join(kept), segment.pauses)
