"""The only place that chooses adapters, and puts the house together."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import parent_process
from typing import Any

import structlog
from starlette.types import ASGIApp

from portevoix import logs
from portevoix.api.app import Doorstep, Rules, build
from portevoix.api.exchanges import Recorder
from portevoix.api.limits import LocalLimits, LocalThenShared
from portevoix.bootstrap.house import Opened, SystemClock, house_of, open_house, pepper_of
from portevoix.bootstrap.sending import Sending
from portevoix.bootstrap.studio import StudioFailure
from portevoix.console import app as console
from portevoix.domain.errors import DomainError
from portevoix.logs import AccessLog
from portevoix.metrics import CONTENT_TYPE, Metrics
from portevoix.ports import Clock
from portevoix.service import proof
from portevoix.settings import Settings
from portevoix.store import embedded
from portevoix.store.database import check_url
from portevoix.store.instance import PepperMismatch
from portevoix.store.limits import SharedLimits
from portevoix.store.migrate import MigrationChanged, SchemaBehind, migrate, pending
from portevoix.web.answer import Answer
from portevoix.web.trace import Observer

__all__ = [
    "FAILURES",
    "Opened",
    "Sending",
    "SystemClock",
    "app",
    "application",
    "database",
    "house_of",
    "open_house",
    "pepper_of",
    "prepare",
    "prepare_or_refuse",
]

MAINTENANCE_INTERVAL_S = 15.0
CANCEL_AGAIN_S = 1.0

#: What keeps a house from being opened, beyond the domain's errors; each says what to do.
FAILURES = (StudioFailure, embedded.EmbeddedFailure, MigrationChanged, PepperMismatch, SchemaBehind)

log = structlog.get_logger(__name__)


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Reach the database: the operator's, or the embedded one, started where it does not run.

    Yields:
        a connection string.

    Raises:
        EmbeddedFailure: the embedded server does not start.
        InvalidValue: the operator's connection string is none.
    """
    if settings.database_url:
        check_url(settings.database_url)
        yield settings.database_url
    else:
        with embedded.running(settings.data) as url:
            yield url


def prepare(url: str) -> list[str]:
    """Bring the schema up to date; returns the migrations applied. Raises Unavailable."""
    return migrate(url)


def prepare_or_refuse(settings: Settings, url: str) -> None:
    """Bring the embedded database's schema up to date; the operator's own is left to ``portevoix migrate``.

    Raises:
        SchemaBehind: the operator's database lacks migrations.
    """
    if not settings.database_url:
        migrate(url)
    elif missing := pending(url):
        raise SchemaBehind(f"the database lacks {', '.join(missing)}: run 'portevoix migrate' first")


def app() -> ASGIApp:
    """Make the application of a worker process, from its environment: what granian calls."""
    os.setpgrp()  # Ctrl-C is the server's, which tells its workers; told twice, granian may wait for ever
    settings = Settings.read(os.environ)
    logs.set_up(settings.log_level, settings.log_format)
    return application(settings)


def application(settings: Settings, clock: Clock | None = None) -> ASGIApp:
    """Make the application on the database that the settings name, which somebody else keeps running.

    Args:
        clock: tells the time; the machine's, where none is given.
    """
    clock = clock or SystemClock()
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
        async with house_of(settings, url, clock=clock) as opened:
            shared = SharedLimits(opened.database, clock)
            local = LocalLimits(clock)
            limits = LocalThenShared(local, shared) if settings.limits_are_shared else local
            sending = Sending(settings, url, opened.house, clock, metrics)
            async with (
                _in_background(_maintain(opened, shared, settings.record_keep_days)),
                _in_background(_leave_with_parent()),
                _in_background(opened.signals.listen()),
                _in_background(sending.follow_clocks(opened.signals)),
                _in_background(sending.keep_engines()),
                _in_background(sending.watch_velocity()),
                _in_background(sending.watch_place()),
                _in_background(sending.dial()),
                _in_background(sending.deliver()),
            ):
                _spare_collector()
                if recorder is None:
                    yield Doorstep(opened.house, limits, opened.database.answers)
                else:
                    async with _in_background(recorder.write(opened.house.exchanges)):
                        yield Doorstep(opened.house, limits, opened.database.answers)
                    await recorder.flush(opened.house.exchanges)
            await _attempt(opened.keys.keep_last_used)
            if access_log:
                access_log.flush()

    return build(
        doorstep,
        rules,
        observers,
        lambda: Answer(200, metrics.render(), CONTENT_TYPE.encode()),
        {"console": lambda step: console.build(step.house, step.limits, settings.allowed)},
        recorder,
    )


def _spare_collector() -> None:
    """Leave what lives as long as the process out of garbage collections: a whole one stops every request meanwhile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _maintain(opened: Opened, limits: SharedLimits, keep_days: int) -> None:
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
            limits.forget,
            erase_old,
        ):
            await _attempt(work)


async def _attempt(work: Callable[[], Awaitable[object]]) -> None:
    """Do a piece of maintenance; what is kept from being done is told, and done the next time."""
    try:
        await work()
    except DomainError as error:
        log.warning("maintenance_failed", work=getattr(work, "__name__", ""), error=error.message)
    except Exception:
        log.exception("maintenance_failed", work=getattr(work, "__name__", ""))


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


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
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
