"""What happens to an account, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import NamedTuple

from portevoix.domain.account import Access, Event
from portevoix.domain.webhook import signed_headers
from portevoix.ports import House, Subscription
from portevoix.service.notices import secrets_of

#: How long a stream of events stays silent at most: then it says that it is still there.
HEARTBEAT_S = 15.0

#: How soon to look again for events that a transaction under way may come before.
HELD_BACK_S = 0.05


class Page(NamedTuple):
    """Some news; none, where it only says that somebody is there.

    Args:
        last: the last event that is known with it.
    """

    last: int
    events: Sequence[Event]


class SignedNotice(NamedTuple):
    """The webhook that tells of an event, for a client that forwards it.

    Args:
        method: ``POST`` or ``GET``.
        payload: what is signed: the body of a POST, the query of a GET.
        headers: of Standard Webhooks.
    """

    method: str
    payload: str
    headers: Mapping[str, str]


async def follow_events(house: House, access: Access, after: int | None) -> AsyncGenerator[Page, None]:
    """Read what happens to an account as it happens; an empty page now and then says that nothing did.

    The first page is empty: from then on nothing is missed.

    Args:
        after: the last event that is known; ``None`` for those from now on.
    """
    account = str(access.account_id)
    async with house.signals.subscribe("events") as signal:
        known = await house.accounts.last_event(access.account_id) if after is None else after
        yield Page(known, ())
        while True:
            while page := await house.accounts.events(access.account_id, known):
                known = page[-1].id
                yield Page(known, page)
            if await house.accounts.has_events_held_back(access.account_id):
                await _news(signal, account, HELD_BACK_S)
            elif not await _news(signal, account, HEARTBEAT_S):
                yield Page(known, ())


async def follow_news(house: House, access: Access, every_s: float) -> AsyncGenerator[None, None]:
    """Tell that an account has news, as soon as it has, and every so many seconds where it has none; once at first.

    What the news are is not read: whoever shows where something stands reads that itself, and no event along the way.
    What happens while the follower is busy is told once it is not, as one.
    """
    async with house.signals.subscribe("events") as signal:
        yield
        while True:
            await _news(signal, str(access.account_id), every_s)
            yield


async def _news(signal: Subscription, account: str, timeout_s: float) -> bool:
    """Wait for news of an account; tells whether there was some before the time ran out."""
    try:
        async with asyncio.timeout(timeout_s):
            while account not in (news := await signal.heard()):
                if not news:
                    return False  # something may have been missed: it is looked for after the heartbeat
    except TimeoutError:
        return False
    return True


async def sign_event(house: House, access: Access, event: Event) -> SignedNotice | None:
    """Sign the webhook that tells of an event; ``None`` for one that no webhook tells of."""
    told = event.data.get("notification")
    if not isinstance(told, Mapping):
        return None
    method = str(told["method"])
    payload = str(told["body"] if method == "POST" else told["query"])
    generation, rotated_at = await house.notices.secret_generation(access.account_id)
    secrets = secrets_of(house, access.account_id, generation, rotated_at)
    timestamp_s = int(house.clock.now().timestamp())
    return SignedNotice(method, payload, signed_headers(secrets, f"evt_{event.id}", timestamp_s, payload.encode()))
