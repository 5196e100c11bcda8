"""Ending background work for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

CANCEL_AGAIN_S = 1.0


async def surely(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that ends when this is cancelled, for sure: in a task group, whose members are cancelled once.

    Before Python 3.12, ``asyncio.wait_for`` drops a cancellation that comes in the moment in which what it waits for is
    there, and the pool of database connections stands on it. Work that missed its cancellation is cancelled again.
    """
    task = asyncio.create_task(work())
    try:
        await asyncio.wait({task})
    finally:
        while not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
    await task


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do work to its end, however often this is cancelled meanwhile; then it is cancelled all the same.

    Raises:
        what the work raises.
    """
    task, is_cancelled = asyncio.create_task(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            is_cancelled = True
    task.result()
    if is_cancelled:
        raise asyncio.CancelledError
