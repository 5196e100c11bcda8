"""What the contract of carriers is tried on: a carrier, far ends that do what they are told, and time that passes.

A carrier joins with a bench of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path as Folder
from typing import NamedTuple, Protocol

from portevoix import bootstrap
from portevoix.carrier.asterisk.terms import AsteriskTerms
from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.carrier.sip.terms import ANALYSER
from portevoix.domain.ids import Mode
from portevoix.domain.number import Number
from portevoix.domain.trunk import DialTemplate, Engine, Path, Trunk
from portevoix.ports import Carrier, Clock, House
from tests.carrier.asterisk.pbx import Pbx
from tests.carrier.phones import Phones, phones
from tests.carrier.sip import trunk as sip
from tests.parts import PATIENCE_S, ManualClock
from tests.trunks import add_route

#: An account whose clock nobody looks at: moving it wakes all who wait.
NOBODY = 0

#: Turns of the event loop in which whoever was woken has come to wait again.
TURNS = 10


class Does(StrEnum):
    """What a far end does when it is called."""

    LISTENS = "rings, answers and listens to the end"
    HANGS_UP = "rings, answers and hangs up after two seconds"
    PRESSES_1 = "rings, answers, and presses 1 two seconds later"
    HAS_A_MACHINE = "rings; a machine answers, and takes the message to its end"
    HAS_A_FULL_MAILBOX = "takes no more messages"
    DOES_NOT_ANSWER = "rings and is not answered"
    DECLINES = "rings and is declined"
    IS_BUSY = "is busy"
    IS_UNREACHABLE = "cannot be reached"
    FAILS_ON_THE_FIRST_ROUTE = "is reached over the second route alone; then answers and listens for six seconds"


#: What is dialled by each magic number.
CODES: Mapping[Does, int] = {
    Does.LISTENS: 1,
    Does.HANGS_UP: 14,
    Does.PRESSES_1: 30,
    Does.HAS_A_MACHINE: 20,
    Does.HAS_A_FULL_MAILBOX: 21,
    Does.DOES_NOT_ANSWER: 10,
    Does.DECLINES: 12,
    Does.IS_BUSY: 11,
    Does.IS_UNREACHABLE: 13,
    Does.FAILS_ON_THE_FIRST_ROUTE: 70,
}


def magic_number(does: Does, rings_s: int, *, is_landline: bool) -> Number:
    """Choose a number of fiction."""
    block = "3319900" if is_landline else "3363998"
    return Number.parse(f"+{block}{rings_s:02}{CODES[does]:02}")


class Lines(NamedTuple):
    """What a dialler has a bench's calls made with.

    Args:
        mode: of the accounts whose calls go there.
        routes, engines: as the dialler takes them.
    """

    mode: Mode
    routes: Sequence[Carrier]
    engines: Mapping[Engine, Carrier]


class Bench(Protocol):
    """A carrier, and the other end of its calls.

    Args:
        clock: tells the time in which it lives.
        tolerance: by how much what is reported may miss what the far end did.
        hears_voice: whether it knows who takes a voice SMS, and what keeps a mailbox from taking one; else it plays to
            whoever answers.
    """

    clock: Clock
    tolerance: timedelta
    hears_voice: bool

    def route(self, number: int) -> Carrier:
        """Give one of the carrier's two routes: 0 or 1, the same each time."""

    def path(self, number: Number, route: int) -> Path | None:
        """Tell over which trunk a route leads to a number, where there is one."""

    async def lines(self, house: House) -> Lines:
        """Let a house have its calls made here, over the first route and, where that fails, the second."""

    def phone(self, does: Does, *, rings_s: int = 1, is_landline: bool = False) -> Number:
        """Prepare a far end that rings for so long, where it rings; gives its number."""

    def time_passes(self) -> AbstractAsyncContextManager[None]:
        """Let time pass beside a block, as fast as it goes here."""

    async def is_quiet(self) -> None:
        """Wait until the far ends have no call any more."""


class SimulatorBench:
    """Simulated phones: magic numbers, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.tolerance = timedelta(0)
        self.hears_voice = True
        self._time = SimulatedTime(self.clock, 1)
        self._routes = [Simulator(self._time, name=name) for name in ("first", "second")]

    def route(self, number: int) -> Carrier:
        """Give one of two simulated routes."""
        return self._routes[number]

    def path(self, number: Number, route: int) -> Path | None:
        """No trunk."""
        return None

    async def lines(self, house: House) -> Lines:
        """Nothing to prepare."""
        return Lines(Mode.SANDBOX, self._routes, {})

    def phone(self, does: Does, *, rings_s: int = 1, is_landline: bool = False) -> Number:
        """Choose a magic number."""
        return magic_number(does, rings_s, is_landline=is_landline)

    @asynccontextmanager
    async def time_passes(self) -> AsyncIterator[None]:
        """Move the clock on, second by second; nothing is waited for."""
        async with bootstrap.in_background(self._pass()):
            yield

    async def _pass(self) -> None:
        while True:
            await pass_seconds(self.clock, self._time, 1)

    async def is_quiet(self) -> None:
        """Nothing to wait for: these phones are where the carrier is."""


async def pass_seconds(clock: ManualClock, time: SimulatedTime, seconds: float) -> None:
    """Move our clock on, and let whoever waits for it look."""
    clock.advance(seconds=seconds)
    time.move(NOBODY, 0)
    for _ in range(TURNS):
        await asyncio.sleep(0)


class TrunkBench:
    """Real phones that do what magic numbers say, behind two routes of an engine, in real time.

    Args:
        trunk: leads to the phones.
        dial: writes how a route dials, of what it dials.
    """

    def __init__(self, carrier: Carrier, trunk: Trunk, phones: Phones, dial: Callable[[str], DialTemplate]) -> None:
        self.clock = sip.SystemClock()
        self.tolerance = timedelta(seconds=PATIENCE_S)
        self.hears_voice = False
        self._carrier = carrier
        self._phones = phones
        self._trunks = [replace(trunk, name=name) for name in ("first", "second")]
        self._dials = [dial(f"{place}{{digits}}") for place in (1, 2)]  # the phones know a route by it

    def route(self, number: int) -> Carrier:
        """Give the engine: it makes the calls of both."""
        return self._carrier

    def path(self, number: Number, route: int) -> Path | None:
        """Lead to the phones."""
        trunk = self._trunks[route]
        return Path(trunk, self._dials[route].target(number), trunk.caller_id.shown(None))

    async def lines(self, house: House) -> Lines:
        """Keep the trunks and routes."""
        for priority, (trunk, dial) in enumerate(zip(self._trunks, self._dials, strict=True)):
            await add_route(house, await house.trunks.add(trunk), priority=priority, dial=dial)
        return Lines(Mode.LIVE, [Simulator(SimulatedTime(self.clock, None))], {self._trunks[0].engine: self._carrier})

    def phone(self, does: Does, *, rings_s: int = 1, is_landline: bool = False) -> Number:
        """Choose a magic number; where nobody answers a landline, its machine does."""
        if is_landline and does is Does.DOES_NOT_ANSWER:
            does = Does.HAS_A_MACHINE
        return magic_number(does, rings_s, is_landline=is_landline)

    def time_passes(self) -> AbstractAsyncContextManager[None]:
        """It does so by itself."""
        return nullcontext()

    async def is_quiet(self) -> None:
        """Wait until no phone has a call."""
        await self._phones.are_quiet()


@asynccontextmanager
async def simulator_bench() -> AsyncIterator[Bench]:
    """Make the simulator's bench."""
    yield SimulatorBench()


@asynccontextmanager
async def sip_bench(folder: Folder) -> AsyncIterator[Bench]:
    """Make the bench of our own engine.

    Args:
        folder: for the logs of its phones.
    """
    async with phones(folder) as far, sip.carrier(analyser=ANALYSER) as carrier:
        yield TrunkBench(carrier, sip.trunk(far.port), far, DialTemplate)


@asynccontextmanager
async def asterisk_bench(pbx: Pbx, folder: Folder) -> AsyncIterator[Bench]:
    """Make the bench of an Asterisk that runs.

    Args:
        folder: for the logs of its phones.
    """
    async with phones(folder) as far, pbx.carrier(analyser=AsteriskTerms(Folder("/")).analyser) as carrier:
        resource = f"PJSIP/far/sip:{{}}@{sip.HERE}:{far.port}"
        yield TrunkBench(carrier, pbx.trunk(), far, lambda dialled: DialTemplate(resource.format(dialled)))
