"""The carrier of trunks of our own SIP engine, and their check."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from portevoix.bootstrap.trunks import Checked, OnCounted, OnHealth, TrunkCarrier
from portevoix.domain.trunk import Server, Trunk
from portevoix.ports import Clock
from portevoix.settings import Settings

if TYPE_CHECKING:
    from portevoix.carrier.sip.terms import SipTerms

#: How long a check waits for a trunk's answers.
CHECK_S = 10.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_sip(
    settings: Settings, clock: Clock, trunks: Sequence[Trunk], on_health: OnHealth, on_counted: OnCounted
) -> AsyncIterator[TrunkCarrier]:
    """Make the carrier of trunks that speak SIP with us."""
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
