"""The body of a request, read whole within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import ClassVar

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from portevoix.domain.errors import DomainError

MOST_JSON_BYTES = 1_024 * 1_024
MOST_DISCARDED_BYTES = 64 * 1_024 * 1_024

#: How long a body may take to come: JSON, a file, and what is only read to be thrown away.
JSON_TIMEOUT_S = 30.0
FILE_TIMEOUT_S = 600.0
DISCARD_TIMEOUT_S = 5.0


class BodyTooLarge(DomainError):
    """The request's body is larger than what is taken."""

    code: ClassVar[str] = "body_too_large"


class BodyTooSlow(DomainError):
    """The request's body takes too long to come."""

    code: ClassVar[str] = "body_too_slow"


async def read_body(receive: Receive, most_bytes: int = MOST_JSON_BYTES, timeout_s: float = JSON_TIMEOUT_S) -> bytes:
    """Read a body.

    Raises:
        BodyTooLarge: what came beyond the limit is not kept.
        BodyTooSlow: it did not come in time.
        ClientDisconnect: the client has gone.
    """
    parts: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in _parts(receive):
                length += len(part)
                if length > most_bytes:
                    raise BodyTooLarge(f"the body has more than {most_bytes} bytes")
                parts.append(part)
    except TimeoutError:
        raise BodyTooSlow(f"the body did not come within {timeout_s:g} s") from None
    return b"".join(parts)


class Incoming:
    """A request's body on its way in: what the server gives, and whether it has given all of it."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_whole = False

    async def __call__(self) -> Message:
        """Wait for the next message, as an ASGI ``receive``."""
        message = await self._receive()
        self._is_whole = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def discard(self, most_bytes: int = MOST_DISCARDED_BYTES) -> None:
        """Read what is left of a refused request's body: a client that is still sending would not see the answer."""
        length = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_TIMEOUT_S):
                while not self._is_whole and length <= most_bytes:
                    length += len((await self()).get("body", b""))


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return
