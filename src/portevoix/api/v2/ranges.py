"""Byte ranges, one that lies outside told as a problem."""

from __future__ import annotations

from starlette.types import Scope

from portevoix.api.v2.problems import RangeOutside, problem
from portevoix.web import ranges
from portevoix.web.answer import Answer


def ranged(body: bytes, content_type: bytes, etag: str, scope: Scope) -> Answer:
    """Answer with the part of a body that the request asks for, or with the whole.

    Args:
        etag: names the body's bytes.
    """
    answer = ranges.ranged(body, content_type, etag, scope)
    if answer.status == 416:
        return problem(RangeOutside(f"there are {len(body)} bytes"), answer.headers)
    return answer
