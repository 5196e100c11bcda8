"""What is played: speech, files from outside, recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portevoix.domain.audio import AudioName, TelephoneAudio, Upload
from portevoix.domain.recording import Place, Recording, Use
from portevoix.domain.speech import Utterance, Voice


class Speech(Protocol):
    """Turns text into telephone audio."""

    @property
    def name(self) -> str:
        """Of the engine; part of what its speech is cached under."""

    @property
    def voices(self) -> Sequence[Voice]:
        """All voices, the default one first."""

    def voice(self, language: str) -> Voice:
        """The voice that speaks a language.

        Raises:
            LanguageInvalid: none does.
        """

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        """Say a text; the same text with the same voice and rate gives the same bytes.

        Raises:
            TextMissing: nothing in it can be said.
            TextTooLong: it would last too long.
            LanguageInvalid: no voice speaks its language.
            SpeechFailed: the engine cannot say this text.
            SpeechUnavailable: the engine cannot be reached, or stopped meanwhile.
        """


class Uploads(Protocol):
    """Makes telephone audio of files from outside."""

    @property
    def most_bytes(self) -> int:
        """The size of a file at most."""

    @property
    def longest_s(self) -> int:
        """How long a file may play at most."""

    async def receive(self, data: bytes) -> Upload:
        """Decode, condition and encode one file. Raises AudioRefused (the subclass says why), AudioUnavailable."""


class Recordings(Protocol):
    """Each account's own recordings; equal audio is kept once."""

    async def keep(self, account_id: int, token: str, name: AudioName, upload: Upload) -> Recording:
        """Keep a new recording."""

    async def list(self, account_id: int, after: Place | None = None, most: int | None = None) -> Sequence[Recording]:
        """Read an account's recordings, oldest first, from after a place on."""

    async def newest(self, account_id: int, before: Place | None, most: int) -> Sequence[Recording]:
        """Read an account's recordings, the newest first, from before a place on."""

    async def uses(self, account_id: int, token: str, before: int | None, most: int) -> Sequence[Use]:
        """Read which messages play or have played a recording, the newest first."""

    async def find(self, account_id: int, token: str) -> Recording:
        """Read one recording. Raises NotFound, for another account's too."""

    async def rename(self, account_id: int, token: str, name: AudioName) -> Recording:
        """Change a recording's name. Raises NotFound."""

    async def delete(self, account_id: int, token: str) -> None:
        """Remove a recording. Raises NotFound."""

    async def audio(self, account_id: int, token: str) -> TelephoneAudio:
        """Read what calls play. Raises NotFound."""


class Waves(Protocol):
    """Writes telephone audio as WAV files."""

    def linear(self, audio: TelephoneAudio) -> bytes:
        """Write 16-bit linear samples, for people and tools."""

    def alaw(self, audio: TelephoneAudio) -> bytes:
        """Write the A-law bytes that calls play."""
