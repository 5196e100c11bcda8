"""Processes that dial, each with a house of its own on the same database, and simulated phones that take no time."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import uvloop

from bench.reserving import PEPPER
from portevoix import bootstrap
from portevoix.bootstrap.policy import ROUTES
from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.domain.dialling import Conclusion
from portevoix.ports import House
from portevoix.worker.dialler import Dialler, Terms
from portevoix.worker.pace import Pace

PATIENCE_S = 60

#: So wide that no call waits for it.
NO_PACE = Pace(10**6, 10**6)


class Nodes:
    """Processes that dial when told to, as a context manager.

    Args:
        url: the database.
        processes: how many.
    """

    def __init__(self, url: str, processes: int) -> None:
        fresh = multiprocessing.get_context("spawn")
        self._lines: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            near, far = fresh.Pipe()
            self._lines.append(near)
            self._processes.append(fresh.Process(target=_live, args=(far, url), daemon=True))

    def dial(self) -> None:
        """Have all of them dial, until they are told to rest."""
        self._tell(True)

    def rest(self) -> None:
        """Have them leave; returns when they have."""
        self._tell(False)

    def _tell(self, what: bool) -> None:
        for line in self._lines:
            line.send(what)
        for line in self._lines:
            if not line.poll(PATIENCE_S):
                raise RuntimeError("a dialling process does not answer")
            line.recv()

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        self.rest()  # answered once they are ready
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            line.send(None)
        for process in self._processes:
            process.join(PATIENCE_S)


def _live(line: Connection, url: str) -> None:
    """Dial and rest until told to end, on the loop that the server's workers have."""
    uvloop.run(_obey(line, url))


async def _obey(line: Connection, url: str) -> None:
    async with bootstrap.open_house(url, PEPPER) as opened:
        listening = asyncio.create_task(opened.signals.listen())
        dialling: asyncio.Task[None] | None = None
        while (told := await asyncio.to_thread(line.recv)) is not None:
            if told:
                dialling = asyncio.create_task(dialler(opened.house).run())
            elif dialling is not None:
                await _ended(dialling)
            line.send(None)
        await _ended(listening)


def dialler(house: House, on_settled: Callable[[Sequence[Conclusion]], None] = lambda concluded: None) -> Dialler:
    """Make a dialler without a pace, on the routes that a server has.

    Args:
        on_settled: told of calls that were settled.
    """
    time = SimulatedTime(house.clock, None)
    routes = [Simulator(time, name=name) for name in ROUTES]
    return Dialler(house, routes, Terms("bench", NO_PACE, NO_PACE), on_settled)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
