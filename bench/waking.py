"""From a send's commit on an idle system to the first dial, beside a bare NOTIFY that is heard."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from statistics import median
from typing import NamedTuple

import psycopg

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.nodes import NO_PACE
from bench.reserving import PEPPER
from bench.sandboxed import event_loop
from bench.senders import Senders, opened_senders
from portevoix import bootstrap
from portevoix.domain.call import Outcome, Report
from portevoix.domain.dialling import Dial, Progress
from portevoix.worker.dialler import Dialler, Terms

SENDS = 20
#: At least so long nothing happens before each send, and up to as much again, so that no poll keeps its beat.
IDLE_S = 0.3
PATIENCE_S = 10
CHANNEL = "portevoix_bench"


class Waits(NamedTuple):
    """How long it took, of several times."""

    median_ms: float
    worst_ms: float


class NotingCarrier:
    """The ``Carrier`` port: it notes when it is asked, and finds every line busy."""

    name = "noting"

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Note the moment."""
        self.asked.put_nowait(time.perf_counter())
        return Report(Outcome.BUSY, dial.at)


def measure(run: Run, url: str) -> list[Figure]:
    """Measure single sends, each on an idle system."""
    with event_loop() as runner:
        arms = {
            "dial": lambda: runner.run(_dials(url)),
            "notify": lambda: runner.run(_notices(url)),
        }
        for arm in arms.values():
            arm()
        taken = interleave(run, "dialler, the first dial", arms)
    goal = Goal("measured", "at most", 100)
    return [
        beside(
            "dialler",
            f"send's commit to the dial, {which} of {SENDS}",
            "ms",
            [getattr(waits, field) for waits in taken["dial"]],
            ("NOTIFY until it is heard", [getattr(waits, field) for waits in taken["notify"]]),
            goal,
        )
        for which, field in (("median", "median_ms"), ("slowest", "worst_ms"))
    ]


async def _dials(url: str) -> Waits:
    carrier = NotingCarrier()
    async with _dialling(url, carrier) as senders:
        await senders.send(1)  # speaks the text, which is kept
        await carrier.asked.get()
        return await _waits(lambda: _dial_s(senders, carrier))


@asynccontextmanager
async def _dialling(url: str, carrier: NotingCarrier) -> AsyncIterator[Senders]:
    """Dial with a house of its own, as somebody else than those who send."""
    async with opened_senders(url, 1) as senders, bootstrap.open_house(url, PEPPER) as opened:
        dialler = Dialler(opened.house, [carrier], Terms("bench", NO_PACE, NO_PACE))
        tasks = [asyncio.create_task(work) for work in (opened.signals.listen(), dialler.run())]
        try:
            yield senders
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _dial_s(senders: Senders, carrier: NotingCarrier) -> float:
    await senders.send(1)
    committed_s = time.perf_counter()
    return await carrier.asked.get() - committed_s


async def _notices(url: str) -> Waits:
    """Measure a bare notice from its command to when it is heard."""
    heard: asyncio.Queue[float] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        teller, listener = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))
            for _ in range(2)
        ]
        await listener.execute(f"LISTEN {CHANNEL}".encode())
        listening = asyncio.create_task(_listen(listener, heard))
        try:
            return await _waits(lambda: _notice_s(teller, heard))
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening


async def _listen(listener: psycopg.AsyncConnection, heard: asyncio.Queue[float]) -> None:
    async for _ in listener.notifies():
        heard.put_nowait(time.perf_counter())


async def _notice_s(teller: psycopg.AsyncConnection, heard: asyncio.Queue[float]) -> float:
    began_s = time.perf_counter()
    await teller.execute(f"NOTIFY {CHANNEL}".encode())
    return await heard.get() - began_s


async def _waits(once_s: Callable[[], Awaitable[float]]) -> Waits:
    """Do something again and again, each time when nothing has happened for a while."""
    chance = random.Random(1)
    taken_ms = []
    for _ in range(SENDS):
        await asyncio.sleep(IDLE_S * (1 + chance.random()))
        async with asyncio.timeout(PATIENCE_S):
            taken_ms.append(1_000 * await once_s())
    return Waits(median(taken_ms), max(taken_ms))
