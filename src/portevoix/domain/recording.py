"""A recording of an account's library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from portevoix.domain.audio import RATE_HZ, AudioName, Upload, wav_size_bytes
from portevoix.domain.errors import DomainError, InvalidValue, NotFound

_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """What was done to a file to make it fit for the telephone.

    Args:
        container: its format.
        codec: its decoder.
        trimmed_start_samples: silence dropped in front, at 8,000 samples a second.
        trimmed_end_samples: silence dropped at the end.
        gain_tenths_db: what the loudness was changed by, in tenths of a decibel.
    """

    container: str
    codec: str
    trimmed_start_samples: int
    trimmed_end_samples: int
    gain_tenths_db: int

    @classmethod
    def of(cls, upload: Upload) -> Made:
        """Note what was done to an upload."""
        return cls(
            upload.container,
            upload.codec,
            int(upload.trimmed_start_s * RATE_HZ),
            int(upload.trimmed_end_s * RATE_HZ),
            int(upload.gain_db * 10),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of recordings ends, by age; it stays valid when that recording is deleted.

    Args:
        created_at: of the last recording on the page.
        token: of the same, to part two of one moment.
    """

    created_at: datetime
    token: str

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read a place that ``__str__`` wrote.

        Raises:
            InvalidValue: it is none.
        """
        moment, _, token = text.rpartition("_")
        try:
            created_at = datetime.fromisoformat(moment)
        except ValueError:
            created_at = None
        if created_at is None or created_at.tzinfo is None or not _TOKEN.fullmatch(token):
            raise InvalidValue("after: not the `next` of a page")
        return cls(created_at, token)

    def __str__(self) -> str:
        moment = self.created_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return f"{moment}_{self.token}"


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as its owner sees it.

    Args:
        token: names it, for its owner's keys alone.
        sha256: of the bytes that calls play.
        samples: its length, at 8,000 samples a second.
    """

    token: str
    name: AudioName
    sha256: str
    samples: int
    made: Made
    created_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands among the account's recordings."""
        return Place(self.created_at, self.token)

    @property
    def duration_s(self) -> Fraction:
        """How long it plays, exactly."""
        return Fraction(self.samples, RATE_HZ)

    @property
    def billable_s(self) -> int:
        """Whole seconds of a call that plays it to its end."""
        return -(-self.samples // RATE_HZ)

    @property
    def wav_bytes(self) -> int:
        """The size of its 16-bit WAV."""
        return wav_size_bytes(self.samples)


@dataclass(frozen=True, slots=True)
class Use:
    """A message that plays a recording, or has played it.

    Args:
        place: among the account's messages.
        campaign: its public id.
        total: recipients.
        is_over: nothing of it is to come any more.
    """

    place: int
    campaign: str
    created_at: datetime
    due_at: datetime
    total: int
    is_over: bool


class RecordingNotFound(NotFound):
    """The account has no such recording."""

    code = "audio_not_found"


class RecordingInUse(DomainError):
    """A message that has not ended plays the recording."""

    code = "audio_in_use"


def recording_token(entropy: bytes) -> str:
    """Make a recording's token of 16 random bytes."""
    if len(entropy) != 16:
        raise ValueError("a token takes 16 bytes of entropy")
    return entropy.hex()


def parse_token(text: str) -> str:
    """Check a token from outside.

    Raises:
        RecordingNotFound: no recording can have such a token.
    """
    if not _TOKEN.fullmatch(text):
        raise RecordingNotFound("there is no such recording")
    return text
