# SPDX-License-Identifier: MIT
"""The client, sync and async, over one description of each request."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache
from types import TracebackType

import httpx2

from portevoix.client.errors import VoicePartnerError
from portevoix.client.event import EventStream
from portevoix.client.key import ApiKey
from portevoix.client.methods.account import AccountMethods, AsyncAccountMethods
from portevoix.client.methods.asking import sleep, sleep_async
from portevoix.client.methods.library import AsyncLibraryMethods, LibraryMethods
from portevoix.client.methods.messages import AsyncMessageMethods, MessageMethods
from portevoix.client.methods.sandbox import AsyncSandbox, Sandbox
from portevoix.client.methods.sending import AsyncSendingMethods, SendingMethods
from portevoix.client.request import Request, Result, pause_before_repeat, told_failures

#: Where ``portevoix demo`` and ``portevoix serve`` listen.
LOCAL = "http://127.0.0.1:8080"

TIMEOUT_S = 10.0


@cache
def _system_tls() -> ssl.SSLContext:
    """Trust who is trusted by default: read once, since that takes longer than a request."""
    return httpx2.create_ssl_context()


class VoicePartner(AccountMethods, LibraryMethods, MessageMethods, SendingMethods):
    """A client of Portevoix or of Voice Partner. Close it, or use it in a ``with`` block.

    Every method raises:
        ApiError: the service refused; the subclass says why.
        ConnectionFailed: it was not reached, or did not answer in time.
        UnexpectedAnswer: what answered is not this API.

    ``credits``, ``audios``, ``rename_audio``, ``send_tts``, ``deposit`` and ``cancel`` work on Voice Partner too; the
    others are Portevoix's.

    Args:
        api_key: the account's key.
        base_url: where the service is, without ``/v1``.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, api_key: str, *, base_url: str = LOCAL, timeout_s: float = TIMEOUT_S) -> None:
        self._key = ApiKey.of(api_key)
        with told_failures():
            self._http = httpx2.Client(base_url=base_url, timeout=timeout_s, verify=_system_tls())

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox, where the key is a test key."""
        return Sandbox(self._ask)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> VoicePartner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request[Result], /) -> Result:
        for pause_s in request.pauses_s:
            try:
                return self._ask_once(request)
            except VoicePartnerError as fault:
                sleep(pause_before_repeat(fault, pause_s))
        return self._ask_once(request)

    def _ask_once(self, request: Request[Result]) -> Result:
        with told_failures():
            response = self._http.send(request.build(self._http, self._key))
        return request.result(response, self._key)

    def _pieces(self, stream: EventStream) -> Iterator[bytes]:
        request = stream.request()
        with told_failures():
            response = self._http.send(request.build(self._http, self._key), stream=True)
            try:
                if response.status_code != httpx2.codes.OK:
                    response.read()
                    request.result(response, self._key)
                stream.opened(response.headers.get("content-type", ""))
                yield from response.iter_bytes()
            finally:
                response.close()


class AsyncVoicePartner(AsyncAccountMethods, AsyncLibraryMethods, AsyncMessageMethods, AsyncSendingMethods):
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
            self._http = httpx2.AsyncClient(base_url=base_url, timeout=timeout_s, verify=_system_tls())

    @property
    def sandbox(self) -> AsyncSandbox:
        """The sandbox, where the key is a test key."""
        return AsyncSandbox(self._ask)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncVoicePartner:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _ask(self, request: Request[Result], /) -> Result:
        for pause_s in request.pauses_s:
            try:
                return await self._ask_once(request)
            except VoicePartnerError as fault:
                await sleep_async(pause_before_repeat(fault, pause_s))
        return await self._ask_once(request)

    async def _ask_once(self, request: Request[Result]) -> Result:
        with told_failures():
            response = await self._http.send(request.build(self._http, self._key))
        return request.result(response, self._key)

    async def _pieces(self, stream: EventStream) -> AsyncIterator[bytes]:
        request = stream.request()
        with told_failures():
            response = await self._http.send(request.build(self._http, self._key), stream=True)
            try:
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                    request.result(response, self._key)
                stream.opened(response.headers.get("content-type", ""))
                async for piece in response.aiter_bytes():
                    yield piece
            finally:
                await response.aclose()
