"""What works beside the door: the dialler with its carriers, the courier with its ways out."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from procrastinate import App

from portevoix.bootstrap.engines import Engines, makers_of
from portevoix.bootstrap.policy import ROUTES
from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.carrier.witness import Witness
from portevoix.domain.errors import DomainError
from portevoix.domain.mail import EmailAddress
from portevoix.metrics import Metrics
from portevoix.notify.mail import SmtpMailer, parse_smtp_url
from portevoix.notify.webhooks import HttpWebhooks
from portevoix.ports import Carrier, Clock, House, Role, Signals, Standing
from portevoix.service.restoring import watch
from portevoix.settings import Settings
from portevoix.store.clock import DatabaseClock
from portevoix.store.jobs import QUEUE, open_jobs
from portevoix.worker.courier import Courier
from portevoix.worker.dialler import Dialler, Terms
from portevoix.worker.pace import Pace

#: The courier's own connections: it fetches and ends jobs beside everything else.
COURIER_CONNECTIONS = 4

#: For how long a process that does nothing else lets calls under way go on, where the settings leave it to us: what
#: rings now has been answered by then, and most of what was answered is over. A server's API would be away for as long.
DRAIN_S = 60

#: Returns when whoever told a process to stop is in a hurry.
Hurry = Callable[[], Coroutine[Any, Any, None]]

#: How often it is looked whether the database still stands where it did, in seconds.
PLACE_S = 1.0

log = structlog.get_logger(__name__)


def process_name() -> str:
    """Name this process, for people."""
    return f"{socket.gethostname()}/{os.getpid()}"


def standing_of(settings: Settings, role: Role) -> Standing:
    """Tell what a process of this node says of itself."""
    return Standing(role, shares_limits=settings.limits_are_shared)


def terms_of(settings: Settings, role: Role) -> Terms:
    """Read how a node dials out of the settings."""
    return Terms(
        name=process_name(),
        route=Pace(settings.calls_at_once, settings.calls_per_second),
        account=Pace(settings.account_calls_at_once, settings.account_calls_per_second),
        lease_s=settings.lease_s,
        standing=standing_of(settings, role),
    )


def drain_s_of(settings: Settings, role: Role) -> int:
    """Tell for how long calls under way are let go on when a process is told to stop."""
    if settings.drain_s is not None:
        return settings.drain_s
    return DRAIN_S if role is Role.WORK else 0


async def never() -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()


class Sending:
    """What works beside the door: each of its works goes on until it is cancelled.

    Args:
        url: of the database, not through a pooler: for the courier's own connections.
        metrics: told of calls and notices.
        role: of its process.
    """

    def __init__(
        self,
        settings: Settings,
        url: str,
        house: House,
        clock: Clock,
        metrics: Metrics | None = None,
        role: Role = Role.BOTH,
    ) -> None:
        self._settings = settings
        self._url = url
        self._drain_s = drain_s_of(settings, role)
        self._house = house
        self._metrics = metrics or Metrics()
        self._time = SimulatedTime(clock, settings.simulator_speed)
        self._engines = Engines(house, settings.data, makers_of(settings, clock, self._metrics.sip_counted))
        self._dialler = Dialler(
            house, self.routes(), terms_of(settings, role), self._metrics.settled, self._engines.carriers
        )

    def routes(self) -> Sequence[Carrier]:
        """Make the carriers of simulated phones, the first one asked first."""
        path, seed = self._settings.simulator_witness, self._settings.simulator_seed
        witness = Witness(path, process_name(), self._house.clock) if path else None
        return [Simulator(self._time, seed, name, witness) for name in ROUTES]

    async def follow_clocks(self, signals: Signals) -> None:
        """Take note of each sandbox clock that is moved on."""
        async with signals.subscribe("clock") as signal:
            while True:
                for news in await signal.heard():
                    account, offset_s = news.split()
                    self._time.move(int(account), int(offset_s))

    async def keep_engines(self) -> None:
        """Have the engines that trunks want."""
        await self._engines.run()

    async def dial(self) -> None:
        """Dial, until cancelled."""
        await self._dialler.run()

    async def drain(self, hurry: Hurry) -> None:
        """Let calls under way come to their ends, for as long as the settings say and nobody is in a hurry."""
        ways = {asyncio.create_task(self._dialler.drain(self._drain_s)), asyncio.create_task(hurry())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def watch_place(self) -> None:
        """See whether the database stands where it did; tell once where it does not, as nothing is dialled then."""
        was_held = False
        while True:
            try:
                where = await watch(self._house, goes_on=self._settings.failover == "go-on")
                if where.is_moved and not was_held:
                    log.error("dialling_held", failover=where.is_failover, decide="portevoix recover")
                was_held = where.is_moved
                self._metrics.held(is_held=was_held)
            except DomainError as error:
                log.warning("place_unwatched", error=error.message)
            except Exception:
                log.exception("place_unwatched")
            await asyncio.sleep(PLACE_S)

    async def deliver(self) -> None:
        """Deliver notices."""
        async with self._ways_out() as (sender, mailer):

            def jobs() -> AbstractAsyncContextManager[App]:
                return open_jobs(self._url, COURIER_CONNECTIONS)

            clock = self._house.clock if isinstance(self._house.clock, DatabaseClock) else DatabaseClock()
            await Courier(self._house, jobs, QUEUE, sender, mailer, self._metrics.tried, clock.now).run()

    @asynccontextmanager
    async def _ways_out(self) -> AsyncIterator[tuple[HttpWebhooks, SmtpMailer | None]]:
        async with AsyncExitStack() as stack:
            sender = await stack.enter_async_context(HttpWebhooks(self._settings.webhooks_allow))
            mailer = None
            if self._settings.smtp_url:
                server = parse_smtp_url(self._settings.smtp_url)
                mailer = SmtpMailer(server, EmailAddress.parse(self._settings.mail_from))
            yield sender, mailer
