# SPDX-License-Identifier: MIT
"""How a method asks, in both clients: once, page by page, or again and again."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Protocol, TypeVar

from portevoix.client.page import Page
from portevoix.client.request import Request, Result

Item = TypeVar("Item")


class Ask(Protocol):
    """Makes a request and gives its result."""

    def __call__(self, request: Request[Result], /) -> Result:
        """Ask."""


class AsyncAsk(Protocol):
    """Makes a request and gives its result."""

    async def __call__(self, request: Request[Result], /) -> Result:
        """Ask."""


class Asking(ABC):
    """What the sync client's methods stand on."""

    @abstractmethod
    def _ask(self, request: Request[Result], /) -> Result:
        """Make a request and give its result."""


class AsyncAsking(ABC):
    """What the async client's methods stand on."""

    @abstractmethod
    async def _ask(self, request: Request[Result], /) -> Result:
        """Make a request and give its result."""


def go_through(ask: Ask, first: Request[Page[Item]]) -> Iterator[Item]:
    """Go through a list, asking for a page at a time."""
    request: Request[Page[Item]] | None = first
    while request is not None:
        page = ask(request)
        yield from page.items
        request = page.following


async def go_through_async(ask: AsyncAsk, first: Request[Page[Item]]) -> AsyncIterator[Item]:
    """Go through a list, asking for a page at a time."""
    request: Request[Page[Item]] | None = first
    while request is not None:
        page = await ask(request)
        for item in page.items:
            yield item
        request = page.following


sleep = time.sleep
sleep_async = asyncio.sleep
now_s = time.monotonic
