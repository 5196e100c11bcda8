"""An answer to an HTTP request, and how it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from portevoix.web.stopping import STOPPING

JSON = b"application/json"
XML = b"application/xml; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]

#: Every answer is the caller's own and of this moment, where it does not say otherwise.
NOT_CACHED = b"no-store"

_COMMON: Headers = ((b"x-content-type-options", b"nosniff"),)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller.

    Args:
        cached: who may keep it, and for how long (``Cache-Control``).
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()
    cached: bytes = NOT_CACHED

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the answer; to HEAD, without its body. The request's trace is told of it."""
        trace = scope["portevoix.trace"]
        trace.status, trace.answer = self.status, self
        headers = [(b"cache-control", self.cached), *_COMMON, *self.headers]
        if self.status not in (204, 304):  # these have no content, not even an empty one (RFC 9110, section 8.6)
            headers += [(b"content-type", self.content_type), (b"content-length", b"%d" % len(self.body))]
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body comes bit by bit; ``begin`` makes it.

    Args:
        first: of its body, what there is already.
        rest: what follows. It is closed when the client leaves.
        endless: it has no end of its own, and ends when the server is asked to stop.
    """

    status: int
    first: bytes
    rest: AsyncGenerator[bytes, None]
    content_type: bytes
    headers: Headers = ()
    endless: bool = False

    @classmethod
    async def begin(
        cls, parts: AsyncGenerator[bytes, None], content_type: bytes, headers: Headers = (), *, endless: bool = False
    ) -> Stream:
        """Wait for the first part: what goes wrong until then can still be told as any refusal is."""
        return cls(200, await anext(parts, b""), parts, content_type, headers, endless)

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer until it ends, the client leaves, or the server is to stop where it is endless.

        A fault on the way breaks the answer off, so that a part is not taken for the whole.
        """
        scope["portevoix.trace"].status = self.status
        headers = [(b"cache-control", NOT_CACHED), *_COMMON, *self.headers, (b"content-type", self.content_type)]
        async with aclosing(self.rest):
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            if scope["method"] == "HEAD" or await self._write_while_wanted(receive, send):
                await send({"type": "http.response.body", "body": b""})

    async def _write_while_wanted(self, receive: Receive, send: Send) -> bool:
        """Write the body; tells whether somebody is left to be told that this was its end."""
        writing = asyncio.ensure_future(self._write(send))
        leaving = asyncio.ensure_future(_gone(receive))
        ends = [writing, leaving, *([asyncio.ensure_future(STOPPING.wait())] if self.endless else [])]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_left = leaving.done()
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if not writing.cancelled() and not is_left:
            writing.result()
        return not is_left

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self.first, "more_body": True})
        async for part in self.rest:
            await send({"type": "http.response.body", "body": part, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
