"""An answer to an HTTP request, and how it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Scope, Send

JSON = b"application/json"
XML = b"application/xml; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]

#: Every answer is the caller's own and of this moment.
_COMMON: Headers = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the answer; to HEAD, without its body. The request's trace is told of its status."""
        scope["portevoix.trace"].status = self.status
        headers = [*_COMMON, *self.headers]
        if self.status not in (204, 304):  # these have no content, not even an empty one (RFC 9110, section 8.6)
            headers += [(b"content-type", self.content_type), (b"content-length", b"%d" % len(self.body))]
        body = b"" if scope["method"] == "HEAD" else self.body
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
