# SPDX-License-Identifier: MIT
"""The client, sync and async, over one description of each request."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from types import TracebackType

import httpx2

from portevoix.client import library, speech
from portevoix.client.credit import CREDIT, Credit
from portevoix.client.key import ApiKey
from portevoix.client.library import AudioFile, Page, Recording
from portevoix.client.request import Request, Result, told_failures
from portevoix.client.speech import Voice
from portevoix.client.upload import Progress, upload_of

#: Where ``portevoix demo`` and ``portevoix serve`` listen.
LOCAL = "http://127.0.0.1:8080"

TIMEOUT_S = 10.0


class VoicePartner:
    """A client of Portevoix or of Voice Partner. Close it, or use it in a ``with`` block.

    Every method raises:
        ApiError: the service refused; the subclass says why.
        ConnectionFailed: it was not reached, or did not answer in time.
        UnexpectedAnswer: what answered is not this API.

    ``credits``, ``audios`` and ``rename_audio`` work on Voice Partner too; the others are Portevoix's.

    Args:
        api_key: the account's key.
        base_url: where the service is, without ``/v1``.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, api_key: str, *, base_url: str = LOCAL, timeout_s: float = TIMEOUT_S) -> None:
        self._key = ApiKey.of(api_key)
        with told_failures():
            self._http = httpx2.Client(base_url=base_url, timeout=timeout_s)

    def credits(self) -> Credit:
        """Ask for the credit."""
        return self._ask(CREDIT)

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
        request: Request[Page] | None = library.page()
        while request is not None:
            page = self._ask(request)
            yield from page.recordings
            request = page.following

    def recording(self, token: str) -> Recording:
        """Read one recording's facts. Raises NotFound: the account has no such recording."""
        return self._ask(library.show(token))

    def delete_audio(self, token: str) -> None:
        """Remove a recording. Raises NotFound: the account has no such recording."""
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

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> VoicePartner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request[Result]) -> Result:
        with told_failures():
            response = self._http.send(request.build(self._http, self._key))
        return request.result(response, self._key)


class AsyncVoicePartner:
    """The same client for asyncio. Close it, or use it in an ``async with`` block.

    Its methods take, give and raise what those of ``VoicePartner`` do.

    Args:
        api_key: the account's key.
        base_url: where the service is, without ``/v1``.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, api_key: str, *, base_url: str = LOCAL, timeout_s: float = TIMEOUT_S) -> None:
        self._key = ApiKey.of(api_key)
        with told_failures():
            self._http = httpx2.AsyncClient(base_url=base_url, timeout=timeout_s)

    async def credits(self) -> Credit:
        """Ask for the credit."""
        return await self._ask(CREDIT)

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

    async def recordings(self) -> AsyncIterator[Recording]:
        """Go through the recordings, oldest first, asking for a page at a time."""
        request: Request[Page] | None = library.page()
        while request is not None:
            page = await self._ask(request)
            for item in page.recordings:
                yield item
            request = page.following

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

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncVoicePartner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, request: Request[Result]) -> Result:
        with told_failures():
            response = await self._http.send(request.build(self._http, self._key))
        return request.result(response, self._key)
