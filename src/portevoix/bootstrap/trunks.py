"""The carriers of trunks: made when there is the first trunk for them, by one process of a node."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from portevoix.domain.errors import DomainError
from portevoix.domain.trunk import Engine, Server, Trunk
from portevoix.ports import Carrier, Clock, House
from portevoix.service.routing import hear_trunk
from portevoix.settings import Settings

if TYPE_CHECKING:
    from portevoix.carrier.sip.terms import SipTerms

#: How long a new trunk waits to be noticed at most.
LOOK_S = 2.0

#: How long a check waits for a trunk's answers.
CHECK_S = 10.0

log = structlog.get_logger(__name__)

#: Told of a trunk's number, and whether it answers.
OnHealth = Callable[[int, bool], None]

OnCounted = Callable[[Mapping[str, int]], None]


class TrunkCarrier(Carrier, Protocol):
    """A carrier that keeps trunks in sight."""

    async def watch(self, trunks: Sequence[Trunk]) -> None:
        """Keep these trunks in sight, and no others."""


#: Makes a carrier for its first trunks.
Maker = Callable[[Sequence[Trunk], OnHealth], AbstractAsyncContextManager[TrunkCarrier]]


class Engines:
    """The carriers of this process's trunks, by what makes their calls.

    The address that SIP is spoken at can be had once: of several processes on one data folder, one holds the lock, and
    the others leave such calls to it.

    Args:
        data: the node's data folder.
        makers: make a carrier, once there is a trunk for it.
    """

    def __init__(self, house: House, data: Path, makers: Mapping[Engine, Maker]) -> None:
        self._house = house
        self._data = data
        self._makers = makers
        self._said: dict[int, bool] = {}
        self._news = asyncio.Event()
        self._taken: set[Engine] = set()
        self.carriers: dict[Engine, TrunkCarrier] = {}

    async def run(self) -> None:
        """Make and keep carriers, until cancelled."""
        async with AsyncExitStack() as stack:
            try:
                while True:
                    await self._attempt(stack)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._news.wait()
            finally:
                self.carriers.clear()
                self._taken.clear()

    async def _attempt(self, stack: AsyncExitStack) -> None:
        """Do what there is to do; what cannot be done now is done the next time."""
        try:
            await self._write_down()
            await self._look(stack)
        except (DomainError, OSError) as problem:
            log.warning("trunks_wait", error=str(problem))
        except Exception:
            log.exception("trunks_failed")

    async def _look(self, stack: AsyncExitStack) -> None:
        """Make the carriers that trunks want, and tell them which trunks there are."""
        trunks = [one.trunk for one in await self._house.trunks.all()]
        for engine in {trunk.engine for trunk in trunks} & set(self._makers) - set(self.carriers):
            if self._take(engine, stack):
                first = [trunk for trunk in trunks if trunk.engine is engine]
                made = self._makers[engine](first, self._on_health)
                self.carriers[engine] = await stack.enter_async_context(made)
                log.info("trunks_ready", engine=engine)
        for engine, carrier in self.carriers.items():
            await carrier.watch([trunk for trunk in trunks if trunk.engine is engine])

    def _take(self, engine: Engine, stack: AsyncExitStack) -> bool:
        """Be the process of this node that has an engine; the lock goes with the process, however it ends."""
        if engine in self._taken:
            return True
        self._data.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._data / f"{engine}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        stack.callback(os.close, lock)
        self._taken.add(engine)
        return True

    def _on_health(self, trunk_id: int, is_reachable: bool) -> None:
        self._said[trunk_id] = is_reachable
        self._news.set()

    async def _write_down(self) -> None:
        """Write down whether trunks answer; what is lost here is said again with the next OPTIONS."""
        self._news.clear()
        said, self._said = self._said, {}
        for trunk_id, is_reachable in sorted(said.items()):
            await hear_trunk(self._house, trunk_id, is_reachable=is_reachable)


def makers_of(settings: Settings, clock: Clock, on_counted: OnCounted) -> Mapping[Engine, Maker]:
    """Tell how this node's settings make carriers.

    Args:
        on_counted: told of what SIP has counted since the last time, by name.
    """

    def sip(trunks: Sequence[Trunk], on_health: OnHealth) -> AbstractAsyncContextManager[TrunkCarrier]:
        return _sip(settings, clock, trunks, on_health, on_counted)

    def asterisk(trunks: Sequence[Trunk], on_health: OnHealth) -> AbstractAsyncContextManager[TrunkCarrier]:
        from portevoix.bootstrap.asterisk import open_asterisk

        return open_asterisk(settings, clock, on_health)

    makers: dict[Engine, Maker] = {Engine.SIP: sip}
    if settings.asterisk_sounds is not None:  # without, its calls wait, as the check of a trunk says
        makers[Engine.ASTERISK] = asterisk
    return makers


@asynccontextmanager
async def _sip(
    settings: Settings, clock: Clock, trunks: Sequence[Trunk], on_health: OnHealth, on_counted: OnCounted
) -> AsyncIterator[TrunkCarrier]:
    # A node without trunks does without all of this.
    from portevoix.carrier.sip.carrier import SipCarrier
    from portevoix.carrier.sip.supervisor import Said
    from portevoix.carrier.sip.wire import Counted, Health

    def told(said: Said) -> None:
        if isinstance(said, Health):
            on_health(said.trunk, said.code != 0)
        elif isinstance(said, Counted):
            on_counted(said.counts)
        else:
            log.info("trunk_registration", trunk=said.trunk, code=said.code)

    async with SipCarrier(await terms_of(settings, trunks), clock, on_said=told) as carrier:
        yield carrier


async def terms_of(settings: Settings, trunks: Sequence[Trunk]) -> SipTerms:
    """Read how a node speaks SIP out of the settings.

    Raises:
        OSError: there is no way to any of the trunks.
    """
    from portevoix.carrier.sip.terms import SipTerms

    address = Server.parse(settings.sip_address)
    public = settings.sip_public_address
    if public is None and address.host in ("0.0.0.0", "::"):  # noqa: S104 - compared with
        public = await _own_address(socket.AF_INET6 if address.host == "::" else socket.AF_INET, trunks)
    return SipTerms(
        bind=address.host,
        public=public,
        port=address.port,
        rtp_ports=settings.rtp_ports,
        processes=settings.media_processes or 0,
        ring_timeout_s=settings.ring_timeout_s,
        amd=settings.amd,
        record_s=settings.record_calls_s,
    )


async def _own_address(family: socket.AddressFamily, trunks: Sequence[Trunk]) -> str:
    """Find the address that trunks see us at where no NAT is between us: of the way to the first that has one.

    Nothing is sent: the system says which way it would go.
    """
    for trunk in sorted(trunks, key=lambda one: one.server.is_loopback):
        place = (trunk.server.host, trunk.server.port)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(*place, family=family, type=socket.SOCK_DGRAM)
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(found[0][4])
                return str(probe.getsockname()[0])
        except OSError as problem:
            log.warning("trunk_unreachable", trunk=trunk.name, error=str(problem))
    raise OSError("there is no way to any trunk: set PORTEVOIX_SIP_PUBLIC_ADDRESS")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a trunk answered.

    Args:
        is_found: its host has an address.
        options: the response code to an OPTIONS, 0 for none within its time; ``None`` where none was sent.
        round_trip_ms: until that.
        registration: likewise of a REGISTER, where it wants one.
        reason: what that says in words; or why Asterisk does not answer.
        asterisk: the version that answers, empty for none; ``None`` for a trunk of the SIP engine.
        endpoint: how Asterisk's endpoint of the trunk's name fares: ``online``, ``offline``, ``unknown``, ``missing``.
        sounds: whether Asterisk can play what we lay for it: ``played``, ``unwritable``, ``no_channel``, ``unread``,
            ``unheard``; ``None`` where no folder is set.
    """

    is_found: bool
    options: int | None = None
    round_trip_ms: float | None = None
    registration: int | None = None
    reason: str | None = None
    asterisk: str | None = None
    endpoint: str | None = None
    sounds: str | None = None


async def check_trunk(settings: Settings, clock: Clock, trunk: Trunk, limit_s: float = CHECK_S) -> Checked:
    """Ask a trunk of the SIP engine for a sign of life, and register where it wants that; from a port of its own.

    Args:
        limit_s: how long to wait for its answers.

    Raises:
        OSError: there is no way to it.
    """
    from portevoix.carrier.sip.carrier import SipCarrier
    from portevoix.carrier.sip.supervisor import Said
    from portevoix.carrier.sip.wire import Health, Registration

    answers: asyncio.Queue[Said] = asyncio.Queue()
    found = Checked(is_found=True, options=0, registration=0 if trunk.registers else None)
    terms = replace(await terms_of(settings, [trunk]), port=0, processes=1)
    async with SipCarrier(terms, clock, on_said=answers.put_nowait) as carrier:
        await carrier.supervisor.ready()
        await carrier.watch([trunk])
        if not carrier.supervisor.watched:
            return Checked(is_found=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not found.options or found.registration == 0:
                    said = await answers.get()
                    if isinstance(said, Health):
                        found = replace(found, options=said.code, round_trip_ms=said.round_trip_ms)
                    elif isinstance(said, Registration):
                        found = replace(found, registration=said.code, reason=said.reason)
    return found
