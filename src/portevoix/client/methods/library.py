# SPDX-License-Identifier: MIT
"""Recordings and speech."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

from portevoix.client import library, speech
from portevoix.client.library import AudioFile, Recording
from portevoix.client.methods.asking import Asking, AsyncAsking, go_through, go_through_async
from portevoix.client.speech import Voice
from portevoix.client.upload import Progress, upload_of


class LibraryMethods(Asking):
    """Recordings and speech."""

    def audios(self) -> list[AudioFile]:
        """List the recordings, oldest first."""
        return self._ask(library.AUDIOS)

    def rename_audio(self, token: str, name: str) -> str:
        """Give a recording another name.

        Args:
            token: the recording's.
            name: 3 to 50 characters.

        Returns:
            The name as it is now kept.

        Raises:
            NotFound: the account has no such recording.
            AudioRefused: the name cannot be one.
        """
        return self._ask(library.rename(token, name))

    def upload_audio(
        self, file: str | os.PathLike[str] | bytes, name: str | None = None, progress: Progress | None = None
    ) -> Recording:
        """Add a recording to the library. After a TimedOut it may have been added all the same.

        Args:
            file: a path, whose file is read in pieces, or the bytes of a file: WAV, MP3, OGG, FLAC, M4A, WebM or AMR.
            name: 3 to 50 characters; the file's own, where none is given. Bytes need one.
            progress: called with the bytes of the file that were sent, and all that there are.

        Raises:
            AudioRefused: the file or its name cannot be taken; its code says why.
            OSError: the file cannot be read.
            ValueError: bytes without a name.
        """
        with upload_of(file, name, progress) as request:
            return self._ask(request)

    def recordings(self) -> Iterator[Recording]:
        """Go through the recordings, oldest first, asking for a page at a time."""
        return go_through(self._ask, library.page())

    def recording(self, token: str) -> Recording:
        """Read one recording's facts. Raises NotFound: the account has no such recording."""
        return self._ask(library.show(token))

    def delete_audio(self, token: str) -> None:
        """Remove a recording.

        Raises:
            NotFound: the account has no such recording.
            AudioInUse: a message is still to play it.
        """
        self._ask(library.delete(token))

    def audio_content(self, token: str) -> bytes:
        """Read a recording as a WAV file. Raises NotFound: the account has no such recording."""
        return self._ask(library.content(token))

    def speech(self, text: str, lang: str = "fr", rate: float = 1) -> bytes:
        """Hear a text as the phone will say it.

        Args:
            text: each comma in it is a pause of 0.5 s.
            lang: a language tag (BCP 47).
            rate: 0.5 (half as fast) to 2; beyond these, the nearest.

        Returns:
            A WAV file.

        Raises:
            TextRefused: the text cannot be said; its code says why.
        """
        return self._ask(speech.say(text, lang, rate))

    def voices(self) -> list[Voice]:
        """List the voices of the service, the default first."""
        return self._ask(speech.VOICES)


class AsyncLibraryMethods(AsyncAsking):
    """Recordings and speech."""

    async def audios(self) -> list[AudioFile]:
        """List the recordings, oldest first."""
        return await self._ask(library.AUDIOS)

    async def rename_audio(self, token: str, name: str) -> str:
        """Give a recording another name; returns it as it is now kept."""
        return await self._ask(library.rename(token, name))

    async def upload_audio(
        self, file: str | os.PathLike[str] | bytes, name: str | None = None, progress: Progress | None = None
    ) -> Recording:
        """Add a recording to the library. Its file is read on the event loop, in pieces of 64 KB."""
        with upload_of(file, name, progress) as request:
            return await self._ask(request)

    def recordings(self) -> AsyncIterator[Recording]:
        """Go through the recordings, oldest first, asking for a page at a time."""
        return go_through_async(self._ask, library.page())

    async def recording(self, token: str) -> Recording:
        """Read one recording's facts."""
        return await self._ask(library.show(token))

    async def delete_audio(self, token: str) -> None:
        """Remove a recording."""
        await self._ask(library.delete(token))

    async def audio_content(self, token: str) -> bytes:
        """Read a recording as a WAV file."""
        return await self._ask(library.content(token))

    async def speech(self, text: str, lang: str = "fr", rate: float = 1) -> bytes:
        """Hear a text as the phone will say it: a WAV file."""
        return await self._ask(speech.say(text, lang, rate))

    async def voices(self) -> list[Voice]:
        """List the voices of the service, the default first."""
        return await self._ask(speech.VOICES)
