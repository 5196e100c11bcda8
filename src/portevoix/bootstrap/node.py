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
from portevoix.bootstrap.chores import duties_of
from portevoix.bootstrap.house import Opened, house_of
from portevoix.bootstrap.sending import Hurry, Sending, never, process_name, standing_of
from portevoix.metrics import Metrics
from portevoix.ports import Clock, Role
from portevoix.settings import Settings
from portevoix.worker.chores import Steward
from portevoix.worker.presence import Presence

#: How often it is written down when keys were used.
LAST_USED_S = 15.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_node(
    settings: Settings, url: str, clock: Clock, metrics: Metrics, role: Role, hurry: Hurry = never
) -> AsyncIterator[Opened]:
    """Open the house, and do beside the block what a process does without being asked.

    Args:
        url: of the database.
        metrics: told of calls and notices.
        role: what the process does.
        hurry: returns when calls under way are no longer let go on.

    Raises:
        what ``house_of`` raises.
    """
    async with house_of(settings, url, clock=clock) as opened:
        async with AsyncExitStack() as stack:
            await _begin(stack, _keep_last_used(opened))
            await _begin(stack, Steward(opened.house, duties_of(opened, settings, metrics), process_name()).run())
            await _begin(stack, _leave_with_parent())
            await _begin(stack, opened.signals.listen())
            if not role.works:
                presence = Presence(opened.house, process_name(), standing_of(settings, role), settings.lease_s)
                await _begin(stack, presence.run())
            else:
                sending = Sending(settings, settings.past_pooler(url), opened.house, clock, metrics, role)
                await _begin(stack, sending.follow_clocks(opened.signals))
                await _begin(stack, sending.keep_engines())
                await _begin(stack, sending.watch_place())
                await _begin(stack, sending.deliver())
                await _begin(stack, sending.dial())  # is present as it dials; its engines end after it
                stack.push_async_callback(sending.drain, hurry)
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


async def _keep_last_used(opened: Opened) -> None:
    """Write down when keys were used, which each process notes for itself."""
    while True:
        await asyncio.sleep(LAST_USED_S)
        await attempt(opened.keys.keep_last_used)


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
