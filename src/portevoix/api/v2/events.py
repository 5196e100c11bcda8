"""/v2/events: what happens to the account, as it happens, as server-sent events (HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from portevoix.api.guard import bearer
from portevoix.api.v2.operation import Call, Media, Operation
from portevoix.api.v2.wire import notices as wire
from portevoix.domain import account
from portevoix.domain.account import Scope
from portevoix.domain.errors import DomainError
from portevoix.domain.notice import parse_place
from portevoix.service.events import Page, follow_events, sign_event
from portevoix.service.reading import find_access
from portevoix.web.answer import Stream
from portevoix.web.trace import trace_of

EVENT_STREAM = b"text/event-stream"

#: For how long a key is taken for good before it is looked up again.
RECHECK_S = 15.0

_HEADERS = ((b"x-accel-buffering", b"no"),)


async def _events(call: Call[wire.EventQuery, None]) -> Stream:
    last = next((value.decode("latin-1") for name, value in call.scope["headers"] if name == b"last-event-id"), "")
    after = parse_place(last or call.query.after)
    return await Stream.begin(_written(call, after), EVENT_STREAM, _HEADERS, endless=True)


async def _written(call: Call[wire.EventQuery, None], after: int | None) -> AsyncGenerator[bytes, None]:
    """Write pages of events; a comment for an empty one, so that everybody on the way sees that somebody is there.

    Ends with the key's right to read; the client, which connects again, is then told why. So it is where the database
    goes away: what was missed comes with the next connection, after the client's last event.
    """
    loop = asyncio.get_running_loop()
    is_begun, checked_s = False, loop.time()
    async with aclosing(follow_events(call.house, call.access, after)) as pages:
        try:
            async for page in pages:
                if loop.time() - checked_s >= RECHECK_S:
                    await _check(call)
                    checked_s = loop.time()
                yield await _page(call, page)
                is_begun = True
        except DomainError:
            if not is_begun:
                raise


async def _check(call: Call[wire.EventQuery, None]) -> None:
    access = await find_access(call.house, bearer(call.scope))
    account.admit(access, Scope.READ, trace_of(call.scope).address)


async def _page(call: Call[wire.EventQuery, None], page: Page) -> bytes:
    """Write news; where there is none, the place to go on from after a break."""
    if not page.events:
        return b":\nid: %d\n\n" % page.last
    return b"".join([await _event(call, event) for event in page.events])


async def _event(call: Call[wire.EventQuery, None], event: account.Event) -> bytes:
    signed = await sign_event(call.house, call.access, event) if call.query.signed else None
    data = msgspec.json.encode(wire.event(event, signed))
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.id, event.type.encode(), data)


EVENT_OPERATIONS = (
    Operation(
        name="events",
        method="GET",
        path="/v2/events",
        summary="Follow the events",
        description=(
            "What happens to the account, as server-sent events: `id`, `event` (the type), and `data`, a JSON object "
            "of `id`, `type`, `at` and `data`. It has no end; a comment comes at least every 15 s, with the `id` to go "
            "on from. After a break, `Last-Event-ID` (or `after`) goes on where it was, and nothing is missed."
        ),
        scope=Scope.READ,
        answer=Media("text/event-stream", is_text=True),
        run=_events,
        query=wire.EventQuery,
        headers=(
            {
                "name": "Last-Event-ID",
                "description": "The `id` of the last event that is known; counts before `after`.",
                "schema": {"type": "string"},
            },
        ),
    ),
)
