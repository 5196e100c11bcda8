"""The shapes of recordings, speech and voices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from portevoix.api.v2.wire.common import Seconds, Units
from portevoix.domain.audio import AudioName
from portevoix.domain.recording import Recording
from portevoix.domain.speech import SpeechLimits, Voice

_Name = Annotated[str, Meta(extra_json_schema={"minLength": AudioName.MIN_LENGTH, "maxLength": AudioName.MAX_LENGTH})]


class NewAudio(Struct, frozen=True):
    """A recording, where it is not sent as a form: a name, and the file in base64."""

    name: _Name
    content: bytes


class NewName(Struct, frozen=True):
    """What a recording is to be called."""

    name: _Name


class Conditioning(Struct, frozen=True):
    """What was done to a file to make it fit for the telephone.

    Args:
        container: its format.
        codec: its decoder.
        trimmed_start_s: silence dropped in front.
        trimmed_end_s: silence dropped at the end.
        gain_db: what the loudness was changed by.
    """

    container: str
    codec: str
    trimmed_start_s: Seconds
    trimmed_end_s: Seconds
    gain_db: float


class Audio(Struct, frozen=True):
    """A recording of the library.

    Args:
        duration_s: exact: the samples that calls play, divided by 8,000.
        billable_s: whole seconds of a call that plays it to its end.
        size_bytes: of the 16-bit WAV.
        sha256: of the A-law bytes that calls play.
    """

    token: str
    name: str
    duration_s: Seconds
    billable_s: Units
    size_bytes: Units
    sha256: str
    conditioning: Conditioning
    created_at: datetime


class AudioPage(Struct, frozen=True):
    """A page of the library, oldest first.

    Args:
        next: what to ask for after it; null on the last page.
    """

    items: list[Audio]
    next: str | None


class ContentQuery(Struct, frozen=True):
    """How audio is to be written."""

    encoding: Annotated[
        Literal["linear", "alaw"], Meta(description="16-bit samples, or the bytes that calls play.")
    ] = "linear"


class SpeechRequest(Struct, frozen=True):
    """A text to say."""

    text: Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": SpeechLimits().characters})]
    lang: str = "fr"
    speech_rate: Annotated[float | str, Meta(description="0.5 to 2; beyond these, the nearest.")] = 1
    encoding: Literal["linear", "alaw"] = "linear"


class SpokenVoice(Struct, frozen=True):
    """A voice of the engine in use."""

    id: str
    lang: str
    name: str
    engine: str


class Voices(Struct, frozen=True):
    """The voices of the engine in use, the default first."""

    items: list[SpokenVoice] = field(default_factory=list)


def audio(recording: Recording) -> Audio:
    """Write a recording."""
    made = recording.made
    return Audio(
        recording.token,
        str(recording.name),
        float(recording.duration_s),
        recording.billable_s,
        recording.wav_bytes,
        recording.sha256,
        Conditioning(
            made.container,
            made.codec,
            made.trimmed_start_samples / 8000,
            made.trimmed_end_samples / 8000,
            made.gain_tenths_db / 10,
        ),
        recording.created_at,
    )


def voice(voice: Voice) -> SpokenVoice:
    """Write a voice."""
    return SpokenVoice(voice.id, voice.language, voice.name, voice.engine)
