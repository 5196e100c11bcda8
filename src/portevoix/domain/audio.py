"""Recordings as the telephone plays them: size, exact duration, name, limits, and why one is refused."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import ClassVar

from portevoix.domain.errors import DomainError, InvalidValue

RATE_HZ = 8_000
ALAW_SILENCE = 0xD5
"""The A-law code of the smallest positive value: what a silent line carries (ITU-T G.711, table 1a)."""

_WAV_HEADER_BYTES = 44
_PLAIN_SPACES = {0x00A0: " ", 0x202F: " "}
_KO_BYTES = 1_024
_MO_BYTES = 1_024 * _KO_BYTES


class AudioRefused(DomainError):
    """A recording that cannot be taken; the subclass says why."""

    code = "audio_refused"


class AudioEmpty(AudioRefused):
    """No bytes, no audio inside, or nothing but silence."""

    code = "audio_empty"


class AudioUnsupported(AudioRefused):
    """Not a format, codec, sample rate or channel count that is taken."""

    code = "audio_unsupported"


class AudioTooLarge(AudioRefused):
    """More bytes than the limit, or more memory than a recording may take to decode."""

    code = "audio_too_large"


class AudioTooLong(AudioRefused):
    """Longer than the limit in seconds, or than the time that its decoding may take."""

    code = "audio_too_long"


class AudioBroken(AudioRefused):
    """The format is known, but what is inside is damaged."""

    code = "audio_broken"


class AudioUnavailable(DomainError):
    """The process that handles audio stopped in the middle of the work: nothing is wrong with the input."""

    code = "audio_unavailable"


class AudioNameInvalid(InvalidValue):
    """A name that a recording may not bear."""

    code = "audio_name_invalid"


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What an upload may be at most.

    Args:
        upload_bytes: the size of the file as it is sent.
        duration_s: the length of the audio in it.
    """

    upload_bytes: int = 20 * 1_024 * 1_024
    duration_s: int = 600

    def __post_init__(self) -> None:
        if self.upload_bytes < 1 or self.duration_s < 1:
            raise InvalidValue("the limits of an upload are at least one byte and one second")


@dataclass(frozen=True, slots=True)
class AudioName:
    """A recording's name, as its owner reads it: 3 to 50 printable characters."""

    MIN_LENGTH: ClassVar[int] = 3
    MAX_LENGTH: ClassVar[int] = 50

    text: str

    @classmethod
    def parse(cls, text: str) -> AudioName:
        """Read a name, composed (NFC), its outer spaces dropped, the no-break spaces of French typography made plain.

        Control, format and unassigned characters are refused, as are slashes and a leading dot:
        a name is also what the file is called when it is fetched.

        Raises:
            AudioNameInvalid: too short, too long, or with characters that a name may not have.
        """
        name = unicodedata.normalize("NFC", text).translate(_PLAIN_SPACES).strip()
        if not cls.MIN_LENGTH <= len(name) <= cls.MAX_LENGTH:
            raise AudioNameInvalid(f"a name has {cls.MIN_LENGTH} to {cls.MAX_LENGTH} characters")
        if not name.isprintable() or "/" in name or "\\" in name or name.startswith("."):
            raise AudioNameInvalid("a name has printable characters, no slash, and no dot in front")
        return cls(name)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class TelephoneAudio:
    """Audio as calls play it: raw ITU-T G.711 A-law, 8,000 samples a second, one channel, one byte a sample.

    Args:
        alaw: the samples.
    """

    alaw: bytes

    def __post_init__(self) -> None:
        if not self.alaw:
            raise AudioEmpty("there is no audio")

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return len(self.alaw)

    @property
    def duration_s(self) -> Fraction:
        """How long it plays, exactly."""
        return Fraction(len(self.alaw), RATE_HZ)

    @cached_property
    def sha256(self) -> str:
        """What it is stored under: the same bytes are the same recording. 64 hexadecimal digits."""
        return sha256(self.alaw).hexdigest()

    @property
    def wav_bytes(self) -> int:
        """The size of its 16-bit WAV, header included."""
        return wav_size_bytes(len(self.alaw))

    def envelope(self, columns: int) -> list[int]:
        """Tell how loud it is, from part to part: the peak of each of so many equal parts, 0 to 252.

        Of a long part about a thousand samples are looked at.
        """
        levels, samples = self.alaw.translate(_LEVELS), len(self.alaw)
        bounds = [samples * place // columns for place in range(columns + 1)]
        parts = [(first, max(end, first + 1)) for first, end in pairwise(bounds)]
        return [max(levels[first : end : (end - first) // 1_000 + 1]) for first, end in parts]


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording that was taken, and what was done to it.

    Args:
        audio: what calls will play.
        container: the format of the file, ``wav``, ``mp3`` and so on.
        codec: the decoder's name.
        rate_hz: the file's own sample rate.
        channels: the file's own channel count.
        antiphase: its channels were opposed, so one was taken instead of their mean.
        source_duration_s: how long the file plays, silence included.
        trimmed_start_s: silence dropped in front.
        trimmed_end_s: silence dropped at the end.
        gain_db: what the loudness was changed by, to a tenth.
    """

    audio: TelephoneAudio
    container: str
    codec: str
    rate_hz: int
    channels: int
    antiphase: bool
    source_duration_s: Fraction
    trimmed_start_s: Fraction
    trimmed_end_s: Fraction
    gain_db: Fraction


def _level(code: int) -> int:
    """How far from silence an A-law code is, in 128ths of a 16-bit sample (ITU-T G.711, table 1a)."""
    segment, mantissa = ((code ^ 0x55) >> 4) & 7, (code ^ 0x55) & 0x0F
    linear = ((mantissa << 4) + 8) if segment == 0 else ((mantissa << 4) + 0x108) << (segment - 1)
    return linear >> 7


_LEVELS = bytes(_level(code) for code in range(256))


def wav_size_bytes(samples: int) -> int:
    """Tell the size of a 16-bit WAV of so many samples, header included."""
    return _WAV_HEADER_BYTES + 2 * samples


def display_size(size_bytes: int) -> str:
    """Write a size as the hosted service does: ``104.5Ko``, and ``1.2Mo`` above 1,024 Ko.

    Ko is 1,024 bytes; one decimal after a dot, halves upwards.
    """
    unit_bytes, unit = (_MO_BYTES, "Mo") if size_bytes > _MO_BYTES else (_KO_BYTES, "Ko")
    tenths = (20 * size_bytes + unit_bytes) // (2 * unit_bytes)
    return f"{tenths // 10}.{tenths % 10}{unit}"


def display_duration(samples: int) -> str:
    """Write a duration as the hosted service does: ``0:07``, to the nearest second, halves upwards."""
    minutes, seconds = divmod((2 * samples + RATE_HZ) // (2 * RATE_HZ), 60)
    return f"{minutes}:{seconds:02d}"
