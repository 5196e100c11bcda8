"""What the contract of carriers is tried on: a carrier, far ends that do what they are told, and time that passes.

A carrier joins with a bench of its own, as one more of ``BENCHES``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from portevoix import bootstrap
from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.domain.number import Number
from portevoix.ports import Carrier, Clock
from tests.parts import ManualClock

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


class Bench(Protocol):
    """A carrier, and the other end of its calls.

    Args:
        clock: tells the time in which it lives.
        tolerance: by how much what is reported may miss what the far end did.
    """

    clock: Clock
    tolerance: timedelta

    def route(self, number: int) -> Carrier:
        """Give one of the carrier's two routes: 0 or 1, the same each time."""

    def phone(self, does: Does, *, rings_s: int = 1, is_landline: bool = False) -> Number:
        """Prepare a far end that rings for so long, where it rings; gives its number."""

    def time_passes(self) -> AbstractAsyncContextManager[None]:
        """Let time pass beside a block, as fast as it goes here."""

    async def is_quiet(self) -> None:
        """Wait until the far ends have no call any more."""


class SimulatorBench:
    """Simulated phones: magic numbers, on a clock that is moved by hand."""

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

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.tolerance = timedelta(0)
        self._time = SimulatedTime(self.clock, 1)
        self._routes = [Simulator(self._time, name=name) for name in ("first", "second")]

    def route(self, number: int) -> Carrier:
        """Give one of two simulated routes."""
        return self._routes[number]

    def phone(self, does: Does, *, rings_s: int = 1, is_landline: bool = False) -> Number:
        """Choose a magic number."""
        block = "3319900" if is_landline else "3363998"
        return Number.parse(f"+{block}{rings_s:02}{self.CODES[does]:02}")

    @asynccontextmanager
    async def time_passes(self) -> AsyncIterator[None]:
        """Move the clock on, second by second; nothing is waited for."""
        async with bootstrap._in_background(self._pass()):
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


@asynccontextmanager
async def simulator() -> AsyncIterator[Bench]:
    """Make the simulator's bench."""
    yield SimulatorBench()


BENCHES: Mapping[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {"simulator": simulator}
