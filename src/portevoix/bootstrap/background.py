"""Work beside a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

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
