"""What runs in a process: the application, with its work beside it, or the work alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp

from portevoix import logs
from portevoix.api.app import Doorstep, Rules, build
from portevoix.api.exchanges import Recorder
from portevoix.api.limits import LocalLimits, LocalThenShared
from portevoix.api.operations import build_probes, probes_of
from portevoix.bootstrap.background import in_background
from portevoix.bootstrap.node import open_node
from portevoix.bootstrap.sending import Hurry, never
from portevoix.console import app as console
from portevoix.logs import AccessLog
from portevoix.metrics import CONTENT_TYPE, Metrics
from portevoix.ports import Clock, Role
from portevoix.settings import Settings
from portevoix.store import embedded
from portevoix.store.clock import DatabaseClock
from portevoix.web.answer import Answer
from portevoix.web.trace import Observer


def app() -> ASGIApp:
    """Make the application of a worker process, from its environment: what granian calls."""
    os.setpgrp()  # Ctrl-C is the server's, which tells its workers; told twice, granian may wait for ever
    settings = Settings.read(os.environ)
    logs.set_up(settings.log_level, settings.log_format)
    return application(settings)


def application(settings: Settings, clock: Clock | None = None) -> ASGIApp:
    """Make the application on the database that the settings name, which somebody else keeps running.

    Args:
        clock: tells the time; the database's, where none is given.
    """
    clock = clock or DatabaseClock()
    metrics = Metrics()
    access_log = AccessLog(settings.log_format) if settings.log_level in ("debug", "info") else None
    observers: list[Observer] = [metrics, *([access_log] if access_log else [])]
    recorder = Recorder(clock, metrics.not_kept) if settings.request_log else None
    rules = Rules(
        allowed=settings.allowed,
        wrong_key=settings.limit_wrong_key,
        trusted_proxies=settings.trusted_proxies,
        metrics_allow=settings.metrics_allow,
    )

    @asynccontextmanager
    async def doorstep() -> AsyncIterator[Doorstep]:
        url = settings.database_url or embedded.url(settings.data)
        role = Role.BOTH if settings.work else Role.SERVE
        async with open_node(settings, url, clock, metrics, role) as opened:
            local = LocalLimits(clock)
            limits = LocalThenShared(local, opened.limits) if settings.limits_are_shared else local
            step = Doorstep(opened.house, limits, opened.database.answers)
            if recorder is None:
                yield step
            else:
                async with in_background(recorder.write(opened.house.exchanges)):
                    yield step
                await recorder.flush(opened.house.exchanges)
        if access_log:
            access_log.flush()

    return build(
        doorstep,
        rules,
        observers,
        lambda: _figures(metrics),
        {"console": lambda step: console.build(step.house, step.limits, settings.allowed)},
        recorder,
    )


async def work(
    settings: Settings,
    url: str,
    until: Callable[[], Awaitable[None]],
    hurry: Hurry = never,
    clock: Clock | None = None,
) -> None:
    """Dial and deliver, without a door.

    Args:
        url: of the database, which somebody else keeps running.
        until: returns when it is time to stop; called once everything is at work.
        hurry: returns when calls under way are no longer let go on.
        clock: tells the time; the database's, where none is given.
    """
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        node = open_node(settings, url, clock or DatabaseClock(), metrics, Role.WORK, hurry)
        opened = await stack.enter_async_context(node)
        if settings.work_metrics is not None:
            from portevoix.bootstrap.probing import answering  # nobody else needs it

            asked = probes_of(opened.database.answers, lambda: _figures(metrics), settings.metrics_allow)
            door = build_probes(asked, settings.trusted_proxies)
            await stack.enter_async_context(answering(door, settings.work_metrics.host, settings.work_metrics.port))
        await until()


def _figures(metrics: Metrics) -> Answer:
    return Answer(200, metrics.render(), CONTENT_TYPE.encode())
