"""The ``Carrier`` port over SIP trunks."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from portevoix.carrier.sip.supervisor import NoProcess, Said, Supervisor
from portevoix.carrier.sip.terms import SipTerms
from portevoix.carrier.sip.wire import Answered, Begin, Ended, Mode, Peer, Rang
from portevoix.domain.call import Outcome, Report, Trace
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.number import Line
from portevoix.domain.trunk import Engine, Trunk
from portevoix.ports import Clock

RESOLVED_S = 60.0
"""How long the addresses of a trunk's host are taken for its own."""


class Unresolved(Exception):
    """A trunk's host has no address of the family that we are bound to."""


class SipCarrier:
    """The ``Carrier`` port over SIP trunks, as a context manager.

    Args:
        terms: how the media processes are set up.
        clock: tells the time.
        name: of the route.
        on_said: told what came of each REGISTER and OPTIONS of a watched trunk, and what was counted.
    """

    def __init__(
        self,
        terms: SipTerms,
        clock: Clock,
        name: str = "sip",
        on_said: Callable[[Said], None] = lambda said: None,
    ) -> None:
        self._name = name
        self._clock = clock
        self._family = socket.AF_INET6 if ":" in terms.bind else socket.AF_INET
        self._keys = itertools.count(1)
        self._resolved: dict[str, tuple[float, tuple[str, ...]]] = {}
        self.supervisor = Supervisor(terms, lambda: clock.now().timestamp(), on_said)

    async def __aenter__(self) -> Self:
        await self.supervisor.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.supervisor.__aexit__(kind, error, trace)

    @property
    def name(self) -> str:
        """Of the route."""
        return self._name

    async def watch(self, trunks: Sequence[Trunk]) -> None:
        """Keep these trunks in sight, and no others: register where they want it, ask for health, answer them.

        One whose host has no address is let go of until the next time.
        """
        peers = []
        for trunk in trunks:
            if trunk.engine is Engine.SIP:
                try:
                    peers.append(await self._peer(trunk))
                except Unresolved:
                    continue
        for gone in self.supervisor.watched - {peer.id for peer in peers}:
            self.supervisor.unwatch(gone)
        for peer in peers:
            self.supervisor.watch(peer)

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end. Cancelled, it hangs up.

        Raises:
            ValueError: the dial has no path over a SIP trunk.
        """
        path = dial.path
        if path is None or path.trunk.engine is not Engine.SIP:
            raise ValueError(f"{dial.call} has no path over a SIP trunk")
        try:
            begin = Begin(
                key=next(self._keys),
                peer=await self._peer(path.trunk),
                user=path.target.user,
                headers=path.target.headers,
                caller=path.caller,
                is_asserted=path.trunk.caller_id.is_asserted,
                sha256=dial.audio.sha256,
                mode=mode_of(dial),
                longest_s=dial.longest_s,
                epoch_s=self._clock.now().timestamp() - time.monotonic(),
            )
            ended = await self.supervisor.call(begin, dial.audio.alaw, _teller(dial, progress))
        except (Unresolved, NoProcess) as error:  # nothing was dialled: another route may be
            what = "no_address" if isinstance(error, Unresolved) else "no_process"
            now = self._clock.now()
            return Report(Outcome.CONGESTION, now, trace=(Trace(now, what, str(error)),))
        return report_of(ended)

    async def _peer(self, trunk: Trunk) -> Peer:
        credentials = trunk.credentials
        return Peer(
            id=trunk.id,
            host=trunk.server.host,
            port=trunk.server.port,
            addresses=await self._addresses(trunk.server.host),
            username=credentials.username if credentials else "",
            password=credentials.password if credentials else "",
            registers=trunk.registers,
        )

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """Look up a trunk's host here, where nobody waits but this call. Raises Unresolved."""
        loop = asyncio.get_running_loop()
        until, addresses = self._resolved.get(host, (0.0, ()))
        if addresses and loop.time() < until:
            return addresses
        try:
            found = await loop.getaddrinfo(host, None, family=self._family, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise Unresolved(f"{host} has no address") from error
        addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
        self._resolved[host] = (loop.time() + RESOLVED_S, addresses)
        return addresses


def mode_of(dial: Dial) -> Mode:
    """Tell what is done with the answer: a route takes deposits to mobiles only where it leads to their mailboxes."""
    deposits = dial.kind is Kind.DEPOSIT
    return Mode(deposits, is_mailbox=deposits and dial.number.line is Line.MOBILE)


def _teller(dial: Dial, progress: Callable[[Progress], None]) -> Callable[[Rang | Answered], None]:
    """Turn what a process says on the way into progress."""
    rang_at: datetime | None = None

    def told(message: Rang | Answered) -> None:
        nonlocal rang_at
        answered_at = _moment(message.at) if isinstance(message, Answered) else None
        rang_at = rang_at if isinstance(message, Answered) else _moment(message.at)
        progress(Progress(dial.call_id, dial.attempt, rang_at, answered_at))

    return told


def report_of(ended: Ended) -> Report:
    """Turn what a process says of a call's end into a report."""
    return Report(
        outcome=ended.outcome,
        ended_at=_moment(ended.at),
        ringing_at=None if ended.rang_at is None else _moment(ended.rang_at),
        answered_at=None if ended.answered_at is None else _moment(ended.answered_at),
        answerer=ended.answerer,
        keys=ended.digits,
        cause=ended.cause,
        trace=tuple(Trace(_moment(at), what, detail) for at, what, detail in ended.trace),
        recorded=ended.recorded,
    )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
