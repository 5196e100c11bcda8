"""Calls over SIP at once, to a far end on this machine, beside a bare sender of as many streams.

The far end is SIPp, and a process that takes the media with the kernel's time stamps. Everything shares the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figure import Figure, Goal, Run, Skipped, beside, interleave
from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.carrier.sip.terms import SipTerms
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.call import Outcome
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial
from portevoix.domain.number import Number
from portevoix.domain.trunk import CallerId, DialTemplate, Engine, Server, Trunk
from portevoix.domain.trunk import Path as Way

SCENARIO = Path(__file__).parents[1] / "tests" / "carrier" / "sipp" / "answer.xml"
AT_ONCE = (200, 400)
MESSAGE_S = 24
SETUPS, SETUPS_AT_ONCE = 500, 50
BEGUN_A_SECOND = 100
HERE = "127.0.0.1"
NUMBER = Number.parse("06 39 98 01 00")
PATIENCE_S = 120


@dataclass(frozen=True, slots=True)
class Taken:
    """One measurement of many calls.

    Args:
        cpu_ms: CPU milliseconds that a second of a call takes.
        arrived: the share of packets that did.
        exact: the share of calls that were heard bit by bit.
        memory_mb: resident, at the calls' end.
    """

    p50_ms: float
    p99_ms: float
    cpu_ms: float
    arrived: float
    exact: float
    memory_mb: float


def measure(run: Run) -> list[Figure]:
    """Measure many calls at once, then how fast calls are set up."""
    if shutil.which("sipp") is None:
        raise Skipped("there is no sipp: apt install sip-tester")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="portevoix-bench-") as name:
        folder = Path(name)
        for calls in AT_ONCE:
            figures += _at_once(run, folder, calls, MESSAGE_S)
        figures.append(_setups(run, folder))
    return figures


def _at_once(run: Run, folder: Path, calls: int, seconds: int) -> list[Figure]:
    message = folder / "message.alaw"
    message.write_bytes(random.Random(7).randbytes(8_000 * seconds))
    taken = interleave(
        run,
        f"calls, {calls} at once",
        {"sip": lambda: asyncio.run(_call(folder, message, calls)), "bare": lambda: _bare(message, calls)},
    )
    ours, bare = taken["sip"], taken["bare"]

    def figure(name: str, unit: str, field: str, goal: Goal | None = None) -> Figure:
        pairs = [[getattr(one, field) for one in arm] for arm in (ours, bare)]
        return beside("calls", f"{calls} calls, {name}", unit, pairs[0], ("bare sender", pairs[1]), goal)

    return [
        figure("p50 of |spacing - 20 ms|", "ms", "p50_ms"),
        figure("p99 of |spacing - 20 ms|", "ms", "p99_ms", Goal("measured", "at most", 5)),
        figure("CPU a call-second", "ms", "cpu_ms", Goal("measured", "at most", 1.8, stretch=1.0)),
        figure("packets that arrived", "share", "arrived", Goal("measured", "at least", 1.0)),
        figure("calls heard bit by bit", "share", "exact", Goal("measured", "at least", 1.0)),
        figure("memory of the media process", "MB", "memory_mb", Goal("measured", "at most", 80)),
    ]


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def _call(folder: Path, message: Path, calls: int) -> Taken:
    """Make calls, each begun a little after the one before, as a node does."""
    audio = TelephoneAudio(message.read_bytes())  # noqa: ASYNC240 - nothing else runs yet
    with _far_end(message) as far:
        async with _sipp(folder, far.port, calls) as port, _carrier() as sip:
            (pid,) = sip.supervisor.process_ids
            before_s = _cpu_s(pid)
            dialled = []
            for number in range(calls):
                dialled.append(asyncio.create_task(sip.call(_dial(port, audio, number), lambda _: None)))
                await asyncio.sleep(1 / BEGUN_A_SECOND)
            reports = await asyncio.gather(*dialled)
            cpu_s, memory_mb = _cpu_s(pid) - before_s, _memory_mb(pid)
        assert all(one.outcome is Outcome.ANSWERED for one in reports), {one.outcome for one in reports}
        found = far.found()
    return _taken(found, cpu_s, calls * audio.samples / 8_000, memory_mb)


def _bare(message: Path, calls: int) -> Taken:
    with _far_end(message) as far:
        command = [sys.executable, "-m", "bench.bare_sender", str(far.port), str(calls), str(message)]
        sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        memory_mb = 0.0
        while sender.poll() is None:
            memory_mb = max(memory_mb, _memory_mb(sender.pid))
            time.sleep(0.2)
        assert sender.stdout is not None
        cpu_s = float(sender.stdout.read())
        sender.stdout.close()
        found = far.found()
    return _taken(found, cpu_s, calls * message.stat().st_size / 8_000, memory_mb)


def _taken(found: dict[str, float], cpu_s: float, call_s: float, memory_mb: float) -> Taken:
    return Taken(
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu_ms=1_000 * cpu_s / call_s,
        arrived=found["packets"] / (found["packets"] + found["lost"]),
        exact=found["exact"] / found["calls"],
        memory_mb=memory_mb,
    )


def _setups(run: Run, folder: Path) -> Figure:
    taken = interleave(
        run, "calls, set-ups", {"sip": lambda: asyncio.run(_set_up(folder)), "sipp": lambda: _sipp_calls(folder)}
    )
    return beside("calls", "calls set up and ended", "calls/s", taken["sip"], ("SIPp as the caller", taken["sipp"]))


async def _set_up(folder: Path) -> float:
    """Make calls of one frame, some at once, and tell how many a second."""
    audio, room = TelephoneAudio(b"\x55" * 160), asyncio.Semaphore(SETUPS_AT_ONCE)
    async with _sipp(folder, 9, SETUPS) as port, _carrier(tail_ms=0) as sip:

        async def one(number: int) -> None:
            async with room:
                report = await sip.call(_dial(port, audio, number), lambda _: None)
                assert report.outcome is Outcome.ANSWERED, report

        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(SETUPS)))
        return SETUPS / (time.perf_counter() - began)


def _sipp_calls(folder: Path) -> float:
    return asyncio.run(_sipp_calls_to_sipp(folder))


async def _sipp_calls_to_sipp(folder: Path) -> float:
    async with _sipp(folder, 9, SETUPS + 1) as port:  # it stays to answer repeats
        began = time.perf_counter()
        caller = await asyncio.create_subprocess_exec(
            *("sipp", f"{HERE}:{port}", "-sn", "uac", "-i", HERE, "-p", str(_free_port()), "-nostdin", "-d", "20"),
            *("-m", str(SETUPS), "-l", str(SETUPS_AT_ONCE), "-r", "1000", "-mp", str(_free_port())),
            env={"TERM": "dumb", "PATH": os.environ["PATH"]},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=folder,
        )
        assert await caller.wait() == 0
        return SETUPS / (time.perf_counter() - began)


class _FarEnd:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def found(self) -> dict[str, float]:
        out, _ = self._process.communicate(timeout=PATIENCE_S)
        found: dict[str, float] = json.loads(out)
        return found


@contextmanager
def _far_end(message: Path) -> Iterator[_FarEnd]:
    command = [sys.executable, "-m", "bench.far_end", str(message)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _FarEnd(process)
        finally:
            process.kill()


@asynccontextmanager
async def _sipp(folder: Path, media: int, calls: int) -> AsyncIterator[int]:
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *("sipp", "-sf", str(SCENARIO), "-i", HERE, "-p", str(port), "-m", str(calls), "-nostdin"),
        *("-key", "media", str(media), "-mp", str(_free_port()), "-buff_size", "4194304", "-deadcall_wait", "0"),
        env={"TERM": "dumb", "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    while _is_free(port):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0.02)
    try:
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _carrier(tail_ms: int = 200) -> AsyncIterator[SipCarrier]:
    terms = SipTerms(bind=HERE, port=0, processes=1, rtp_ports=(20_000, 29_999), tail_ms=tail_ms)
    async with SipCarrier(terms, _Clock()) as sip:
        await sip.supervisor.ready()
        yield sip


def _dial(port: int, audio: TelephoneAudio, number: int) -> Dial:
    trunk = Trunk(1, "far", Engine.SIP, Server(HERE, port), caller_id=CallerId(NUMBER))
    way = Way(trunk, DialTemplate().target(NUMBER), "+33199000100")
    return Dial(
        number, f"c-{number}", 1, 1, NUMBER, Kind.VOICE, audio, None, 0, datetime.now(UTC), longest_s=600, path=way
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HERE, port))
        except OSError:
            return False
        return True


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
