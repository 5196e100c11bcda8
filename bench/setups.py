"""Calls begun one after the other: how fast, without a repeat, and what is left of them in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure, Goal, Run, beside, interleave
from bench.trunk import carrier, dial, far_end, memory_mb, sipp_calls
from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome

SETUPS, SETUPS_AT_ONCE = 500, 50
RATE, RATE_S = 100, 30
MANY, HALF, FIRST = 10_000, 5_000, 1_000
SHORTEST = TelephoneAudio(b"\x55" * 160)


@dataclass(frozen=True, slots=True)
class Steady:
    """Calls begun at a steady pace.

    Args:
        rate: calls a second, from the first one's beginning to the last one's end.
        clean: the share of calls without a request that had to be repeated.
    """

    rate: float
    clean: float


def measure(run: Run, folder: Path) -> list[Figure]:
    """Measure how fast calls are set up, then at a steady pace, then many of them."""
    return [_fast(run, folder), *_steady(run, folder), *_many(run, folder)]


def _fast(run: Run, folder: Path) -> Figure:
    arms = {"sip": lambda: asyncio.run(_set_up(folder)), "sipp": lambda: asyncio.run(_sipp_sets_up(folder))}
    taken = interleave(run, "calls, set-ups", arms)
    return beside("calls", "calls set up and ended", "calls/s", taken["sip"], ("SIPp as the caller", taken["sipp"]))


async def _set_up(folder: Path) -> float:
    """Make calls of one frame, some at once, and tell how many a second."""
    room = asyncio.Semaphore(SETUPS_AT_ONCE)
    async with far_end(folder, SETUPS) as far, carrier(tail_ms=0) as sip:

        async def one(number: int) -> None:
            async with room:
                await _call(sip, far.port, number)

        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(SETUPS)))
        return SETUPS / (time.perf_counter() - began)


async def _sipp_sets_up(folder: Path) -> float:
    async with far_end(folder, SETUPS) as far:
        began = time.perf_counter()
        await sipp_calls(folder, far.port, SETUPS, 1_000, SETUPS_AT_ONCE)
        return SETUPS / (time.perf_counter() - began)


def _steady(run: Run, folder: Path) -> list[Figure]:
    arms = {"sip": lambda: asyncio.run(_paced(folder)), "sipp": lambda: asyncio.run(_sipp_paced(folder))}
    taken = interleave(run, f"calls, {RATE} set-ups a second for {RATE_S} s", arms)

    def figure(name: str, unit: str, field: str, goal: Goal) -> Figure:
        ours, theirs = ([getattr(one, field) for one in taken[arm]] for arm in ("sip", "sipp"))
        return beside("calls", f"{RATE} set-ups a second, {name}", unit, ours, ("SIPp as the caller", theirs), goal)

    return [
        figure("kept up", "calls/s", "rate", Goal("measured", "at least", RATE * 0.98)),
        figure("without a retransmission of ours", "share", "clean", Goal("measured", "at least", 1.0)),
    ]


async def _paced(folder: Path) -> Steady:
    calls = RATE * RATE_S
    async with far_end(folder, calls) as far, carrier(tail_ms=0) as sip:
        took_s = await _at_pace(calls, lambda number: _call(sip, far.port, number))
        return Steady(calls / took_s, 1 - await far.repeated(calls) / calls)


async def _sipp_paced(folder: Path) -> Steady:
    calls = RATE * RATE_S
    async with far_end(folder, calls) as far:
        began = time.perf_counter()
        await sipp_calls(folder, far.port, calls, RATE, calls)
        took_s = time.perf_counter() - began
        return Steady(calls / took_s, 1 - await far.repeated(calls) / calls)


def _many(run: Run, folder: Path) -> list[Figure]:
    """Measure once: memory that grows with every call grows each time."""
    run.tell(f"calls, {MANY} one after the other")
    first_mb, half_mb, last_mb = asyncio.run(_hold(folder))
    name, first, half = "memory of the media process", (f"after {FIRST}", [first_mb]), (f"after {HALF}", [half_mb])
    growth_mb = last_mb - half_mb  # until then it fills: what is over is kept for 32 s (RFC 3261, 17)
    return [
        beside("calls", f"{name} after {MANY} calls", "MB", [last_mb], first, Goal("measured", "at most", 80)),
        beside("calls", f"{name}, growth since {HALF}", "MB", [growth_mb], half, Goal("measured", "at most", 2)),
    ]


async def _hold(folder: Path) -> tuple[float, float, float]:
    async with far_end(folder, MANY) as far, carrier(tail_ms=0) as sip:
        (pid,) = sip.supervisor.process_ids
        held_mb = []
        for calls in (FIRST, HALF - FIRST, MANY - HALF):
            await _at_pace(calls, lambda number: _call(sip, far.port, number))
            held_mb.append(memory_mb(pid))
    first_mb, half_mb, last_mb = held_mb
    return first_mb, half_mb, last_mb


async def _at_pace(calls: int, make: Callable[[int], Awaitable[None]]) -> float:
    """Begin calls at a steady pace, whatever becomes of those before; returns the seconds until the last one's end."""
    loop = asyncio.get_running_loop()
    began_s, under_way = loop.time(), []
    for number in range(calls):
        await asyncio.sleep(began_s + number / RATE - loop.time())
        under_way.append(asyncio.ensure_future(make(number)))
    await asyncio.gather(*under_way)
    return loop.time() - began_s


async def _call(sip: SipCarrier, port: int, number: int) -> None:
    report = await sip.call(dial(port, SHORTEST, number), lambda _: None)
    assert report.outcome is Outcome.ANSWERED, report
