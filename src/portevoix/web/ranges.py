"""Byte ranges of an answer that is whole in memory. Source: RFC 9110, section 14."""

from __future__ import annotations

import re

from starlette.types import Scope

from portevoix.web.answer import Answer

_RANGE = re.compile(rb"bytes=(\d{1,15})?-(\d{1,15})?", re.IGNORECASE)


def ranged(body: bytes, content_type: bytes, etag: str, scope: Scope) -> Answer:
    """Answer with the part of a body that the request asks for, or with the whole.

    Args:
        etag: names the body's bytes; a range asked ``If-Range`` of others gets the whole.

    Returns:
        200 with the whole, 206 with a part, 304 where the client has it, 416 where the range lies outside. Several
        ranges at once, and what is no byte range, are answered with the whole, as the RFC allows.
    """
    tag = f'"{etag}"'.encode()
    headers = ((b"accept-ranges", b"bytes"), (b"etag", tag))
    asked = {name: value for name, value in scope["headers"] if name in (b"range", b"if-range", b"if-none-match")}
    if _is_among(tag, asked.get(b"if-none-match", b"")):
        return Answer(304, b"", content_type, headers)
    match = _RANGE.fullmatch(asked.get(b"range", b"").strip())
    if match is None or match.groups() == (None, None) or asked.get(b"if-range", tag) != tag:
        return Answer(200, body, content_type, headers)
    first, last = _bounds(match, len(body))
    if first > last:
        return Answer(416, b"", content_type, (*headers, (b"content-range", b"bytes */%d" % len(body))))
    part = (*headers, (b"content-range", b"bytes %d-%d/%d" % (first, last, len(body))))
    return Answer(206, body[first : last + 1], content_type, part)


def _is_among(tag: bytes, condition: bytes) -> bool:
    """Compare weakly (RFC 9110, section 13.1.2): a list of tags, each perhaps with ``W/``, or ``*`` for any."""
    told = [part.strip().removeprefix(b"W/") for part in condition.split(b",")]
    return tag in told or told == [b"*"]


def _bounds(match: re.Match[bytes], length: int) -> tuple[int, int]:
    first, last = match.groups()
    if first is None:  # the last so many bytes
        return (max(length - int(last), 0), length - 1) if int(last) else (1, 0)
    return int(first), min(int(last) if last is not None else length - 1, length - 1)
