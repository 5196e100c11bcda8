"""What the API does wrong on purpose for the sandbox's magic numbers, so that clients can be tried against it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from starlette.types import Receive

from portevoix.domain.account import Access
from portevoix.domain.errors import Defect, RateLimited
from portevoix.domain.ids import Mode
from portevoix.domain.magic import Trick, trick_of
from portevoix.domain.number import Number

#: How long an answer that never comes is held back, where the client does not hang up first.
HELD_BACK_S = 120.0


def _tricks(access: Access, numbers: Iterable[Number]) -> frozenset[Trick | None]:
    return frozenset(map(trick_of, numbers)) if access.mode is Mode.SANDBOX else frozenset()


def before(access: Access, numbers: Iterable[Number]) -> None:
    """Refuse a request as if there were too many (51). Raises RateLimited."""
    if Trick.TOO_MANY in _tricks(access, numbers):
        raise RateLimited("this number of the sandbox is always too many")


async def after(access: Access, numbers: Iterable[Number], receive: Receive) -> None:
    """Spoil the answer to a request that was accepted: an error (50), or none that comes in time (52).

    Raises:
        Defect: the message was sent all the same.
    """
    tricks = _tricks(access, numbers)
    if Trick.TIMEOUT_AFTER in tricks:
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_BACK_S):
                while (await receive())["type"] != "http.disconnect":
                    pass
    if tricks & {Trick.ERROR_AFTER, Trick.TIMEOUT_AFTER}:
        raise Defect("this number of the sandbox is answered with an error; the message was sent all the same")
