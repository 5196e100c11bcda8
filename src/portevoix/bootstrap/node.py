"""A process of a node: the house on its database, and what is done there without being asked."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing import parent_process
from typing import Any

import structlog

from portevoix.bootstrap.background import attempt, in_background
from portevoix.bootstrap.house import Opened, house_of
from portevoix.bootstrap.sending import Sending
from portevoix.metrics import Metrics
from portevoix.ports import Clock
from portevoix.service import proof
from portevoix.settings import Settings

MAINTENANCE_INTERVAL_S = 15.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_node(
    settings: Settings, url: str, clock: Clock, metrics: Metrics, *, works: bool
) -> AsyncIterator[Opened]:
    """Open the house, and do beside the block what a process does without being asked.

    Args:
        url: of the database.
        metrics: told of calls and notices.
        works: whether it dials and delivers, or leaves that to others.

    Raises:
        what ``house_of`` raises.
    """
    async with house_of(settings, url, clock=clock) as opened:
        async with AsyncExitStack() as stack:
            await _begin(stack, _maintain(opened, settings.record_keep_days))
            await _begin(stack, _leave_with_parent())
            await _begin(stack, opened.signals.listen())
            if works:
                sending = Sending(settings, url, opened.house, clock, metrics)
                await _begin(stack, sending.follow_clocks(opened.signals))
                await _begin(stack, sending.keep_engines())
                await _begin(stack, sending.watch_velocity())
                await _begin(stack, sending.watch_place())
                await _begin(stack, sending.dial())  # ends before its engines do: calls are hung up
                await _begin(stack, sending.deliver())
            _spare_collector()
            yield opened
        await attempt(opened.keys.keep_last_used)


async def _begin(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    await stack.enter_async_context(in_background(work))


def _spare_collector() -> None:
    """Leave what lives as long as the process out of garbage collections: a whole one stops every request meanwhile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _maintain(opened: Opened, keep_days: int) -> None:
    """Write down when keys were used, take lapsed credit, forget what is old; each again after a failure.

    Args:
        keep_days: until what was recorded of calls is erased.
    """

    async def erase_old() -> None:
        if erased := await proof.erase_old(opened.house, keep_days):
            log.info("recorded_calls_erased", calls=erased, keep_days=keep_days)

    while True:
        await asyncio.sleep(MAINTENANCE_INTERVAL_S)
        for work in (
            opened.keys.keep_last_used,
            opened.house.ledger.expire_due,
            opened.recordings.sweep,
            opened.answers.forget,
            opened.house.sessions.sweep,
            opened.house.drafts.sweep,
            opened.house.exchanges.sweep,
            opened.house.tariffs.forget_drafts,
            opened.limits.forget,
            erase_old,
        ):
            await attempt(work)


async def _leave_with_parent() -> None:
    """Stop this worker when the process that started it is gone: a killed server leaves no worker behind."""
    parent = parent_process()
    if parent is None:
        return
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(parent.sentinel, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(parent.sentinel)
    log.error("parent_gone")
    os._exit(1)
