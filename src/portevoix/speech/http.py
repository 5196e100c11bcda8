"""The third engine: any server that speaks OpenAI's ``POST /v1/audio/speech``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx2

from portevoix.audio.sandbox import Sandbox
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.speech import SpeechFailed, SpeechLimits, SpeechUnavailable, Utterance, Voice
from portevoix.speech.engine import choose_voice, run_speech, speech_limits
from portevoix.speech.text import Segment, segments

_NAME = "http"
_REQUESTS_AT_ONCE = 4
# 16-bit stereo at 48 kHz, the most that a server might send for a second of speech.
_BYTES_A_SECOND = 192_000
_SERVER_FAULT = 500
_TOO_MANY_REQUESTS = 429
_OK = 200


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """A speech server.

    Args:
        base_url: up to and including ``/v1``.
        model: what it is asked to speak with.
        voices: which voices it has: language tag → its own name of the voice. The first is the default.
        api_key: sent as a bearer token, when there is one.
        timeout_s: for one request, from its start to its last byte.
    """

    base_url: str
    model: str
    voices: tuple[tuple[str, str], ...]
    api_key: str | None = None
    timeout_s: float = 60.0

    def __repr__(self) -> str:
        return f"HttpEndpoint({self.base_url!r}, {self.model!r})"  # never the key


class HttpSpeech:
    """Speaks with a server.

    What it sends is decoded in the sandbox, like any file from outside.

    Args:
        endpoint: the server.
        sandbox: with the module ``portevoix.speech.jobs`` in it.
        limits: of one message.
    """

    def __init__(self, endpoint: HttpEndpoint, sandbox: Sandbox, limits: SpeechLimits | None = None) -> None:
        if not endpoint.voices:
            raise ValueError("the speech server has no voice")
        self._endpoint = endpoint
        self._sandbox = sandbox
        self._duration_s = (limits or SpeechLimits()).duration_s
        self._voices = tuple(Voice(name, tag.lower(), name, _NAME) for tag, name in endpoint.voices)
        self._requests = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        key = endpoint.api_key
        self._client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=endpoint.timeout_s,
            # The operator named this server: neither a redirect nor the environment chooses another.
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    @property
    def name(self) -> str:
        return _NAME

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    def voice(self, language: str) -> Voice:
        return choose_voice(self._voices, language)

    async def speak(self, utterance: Utterance) -> TelephoneAudio:
        voice = self.voice(utterance.language)
        spoken = segments(utterance.text, voice.language)
        try:
            async with asyncio.TaskGroup() as group:
                fetches = [group.create_task(self._fetch(segment, voice, utterance.rate.percent)) for segment in spoken]
        except* (SpeechFailed, SpeechUnavailable) as failures:
            raise failures.exceptions[0] from None
        recordings = [fetch.result() for fetch in fetches]
        parts = [(len(recording), segment.pauses) for recording, segment in zip(recordings, spoken, strict=True)]
        arguments = {"parts": parts, "duration_s": self._duration_s}
        limits = speech_limits(self._duration_s)
        return await run_speech(self._sandbox, "speech.join", arguments, b"".join(recordings), limits)

    async def _fetch(self, segment: Segment, voice: Voice, rate_percent: int) -> bytes:
        """Fetch one segment's recording; none for one that is only a pause."""
        if not segment.text:
            return b""
        asked = {
            "model": self._endpoint.model,
            "voice": voice.id,
            "input": segment.text,
            "response_format": "wav",
            "speed": rate_percent / 100,
        }
        url = f"{self._endpoint.base_url.rstrip('/')}/audio/speech"
        try:
            async with (
                self._requests,
                asyncio.timeout(self._endpoint.timeout_s),
                self._client.stream("POST", url, json=asked) as response,
            ):
                return await self._recording(response)
        except (httpx2.HTTPError, TimeoutError) as error:
            raise SpeechUnavailable(f"the speech server cannot be reached: {type(error).__name__}") from error

    async def _recording(self, response: httpx2.Response) -> bytes:
        if response.status_code != _OK:
            # Its own words may bear the customer's text or a key: only the status is told.
            told = f"the speech server answered {response.status_code}"
            if response.status_code >= _SERVER_FAULT or response.status_code == _TOO_MANY_REQUESTS:
                raise SpeechUnavailable(told)
            raise SpeechFailed(told)
        received = bytearray()
        async for piece in response.aiter_bytes():
            received += piece
            if len(received) > self._duration_s * _BYTES_A_SECOND:
                raise SpeechFailed("the speech server sent too much")
        if not received:
            raise SpeechFailed("the speech server sent nothing")
        return bytes(received)
