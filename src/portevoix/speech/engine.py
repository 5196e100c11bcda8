"""What an engine is, and what all engines that work in the sandbox have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portevoix.audio.sandbox import JobLimits, JobRefused, Sandbox, SandboxError, SandboxLost
from portevoix.domain.audio import RATE_HZ, TelephoneAudio
from portevoix.domain.speech import (
    LanguageInvalid,
    SpeechFailed,
    SpeechUnavailable,
    TextTooLong,
    Voice,
)


def choose_voice(voices: Sequence[Voice], language: str, aliases: Mapping[str, str] | None = None) -> Voice:
    """Pick the voice for a language tag: the tag, else with fewer subtags, else the first of its language.

    Raises:
        LanguageInvalid: none fits.
    """
    tag = language.replace("_", "-").lower()
    primary = tag.partition("-")[0]
    while tag:
        tag = (aliases or {}).get(tag, tag)
        for voice in voices:
            if voice.language.lower() == tag:
                return voice
        tag = tag.rpartition("-")[0]
    for voice in voices:
        if voice.language.lower().partition("-")[0] == primary:
            return voice
    raise LanguageInvalid(f"no voice speaks {language[:20]!r}")


def speech_limits(duration_s: int) -> JobLimits:
    """What saying one message may use."""
    return JobLimits(cpu_s=20, wall_s=60.0, output_bytes=(duration_s + 1) * RATE_HZ, reads_files=True)


async def run_speech(
    sandbox: Sandbox, job: str, arguments: Mapping[str, Any], body: bytes, limits: JobLimits
) -> TelephoneAudio:
    """Run a speech job in the sandbox and tell its end in the domain's words.

    Raises:
        TextTooLong, SpeechFailed, SpeechUnavailable: see :class:`Speech`.
    """
    try:
        reply = await sandbox.run(job, arguments, body, limits)
    except JobRefused as refused:
        if refused.code == TextTooLong.code:
            raise TextTooLong(refused.message) from refused
        raise SpeechFailed(refused.message) from refused
    except SandboxLost as error:
        raise SpeechUnavailable("the audio process stopped; try again") from error
    except SandboxError as error:
        raise SpeechFailed("the voice cannot say this text") from error
    if not reply.body:
        raise SpeechFailed("the voice said nothing")
    return TelephoneAudio(reply.body)
