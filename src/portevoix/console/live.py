"""Parts of a page that follow what happens, as server-sent events (HTML, section 9.2); static/live.js shows them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import NamedTuple

import msgspec

from portevoix.console.page import Visit
from portevoix.domain.errors import DomainError, RateLimited
from portevoix.service.events import follow_news
from portevoix.web.answer import Stream

EVENT_STREAM = b"text/event-stream"

#: How long at least from one look to the next, however much happens.
PACE_S = 1.0

#: How long at most: no event tells of a phone that begins to ring.
LOOK_AGAIN_S = 2.0

#: How long a stream lasts. The browser then asks for another, and whether it may is asked anew.
LIFE_S = 60.0

#: How soon the browser asks again.
RETRY_MS = 1_000

#: How many one person may have open, in this process: each looks at the database about once a second.
MOST_OPEN = 8

_OPEN = Counter[int]()


class Look(NamedTuple):
    """What a page shows now.

    Args:
        parts: by the ids of the elements that they are in.
        is_over: nothing will change any more.
    """

    parts: Mapping[str, str]
    is_over: bool


async def live(visit: Visit, look: Callable[[], Awaitable[Look]]) -> Stream:
    """Answer with a page's parts as they change, about once a second at most, until they will change no more."""
    headers = ((b"x-accel-buffering", b"no"), *visit.headers)
    return await Stream.begin(_written(visit, look), EVENT_STREAM, headers, endless=True)


async def _written(visit: Visit, look: Callable[[], Awaitable[Look]]) -> AsyncGenerator[bytes, None]:
    """Write what has changed; a comment where nothing has, so that everybody on the way sees that somebody is there.

    Where the database goes away the stream ends, and the browser asks again. Raises RateLimited.
    """
    with _one_of_few(visit.person.id):
        async with aclosing(_changes(visit, look)) as changes:
            async for change in changes:
                yield change


@contextmanager
def _one_of_few(person: int) -> Iterator[None]:
    """Count a person's streams while they are open. Raises RateLimited."""
    if _OPEN[person] >= MOST_OPEN:
        raise RateLimited("too many streams are open")
    _OPEN[person] += 1
    try:
        yield
    finally:
        _OPEN[person] -= 1
        if not _OPEN[person]:
            del _OPEN[person]


async def _changes(visit: Visit, look: Callable[[], Awaitable[Look]]) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    ends_s, shown, is_begun = loop.time() + LIFE_S, dict[str, str](), False
    async with aclosing(follow_news(visit.house, visit.access, LOOK_AGAIN_S)) as news:
        try:
            async for _ in news:
                parts, is_over = await look()
                changed = {name: part for name, part in parts.items() if shown.get(name) != part}
                shown.update(changed)
                yield (b"" if is_begun else b"retry: %d\n" % RETRY_MS) + _event(changed)
                is_begun = True
                if is_over:
                    yield b"event: over\ndata: \n\n"
                    return
                if loop.time() >= ends_s:
                    return
                await asyncio.sleep(PACE_S)
        except DomainError:
            if not is_begun:
                raise


def _event(changed: Mapping[str, str]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(changed) if changed else b":\n\n"
