"""Work beside a block, and pieces of work that are told where they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from portevoix.domain.errors import DomainError

CANCEL_AGAIN_S = 1.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do work beside a block and end it with the block; one that misses its cancellation is cancelled again."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_fault)
    try:
        yield
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)


def _tell_fault(ended: asyncio.Task[None]) -> None:
    if not ended.cancelled() and (fault := ended.exception()) is not None:
        log.error("background_failed", error=repr(fault))


async def attempt(work: Callable[[], Awaitable[object]]) -> None:
    """Do a piece of maintenance; what is kept from being done is told, and done the next time."""
    try:
        await work()
    except DomainError as error:
        log.warning("maintenance_failed", work=getattr(work, "__name__", ""), error=error.message)
    except Exception:
        log.exception("maintenance_failed", work=getattr(work, "__name__", ""))
