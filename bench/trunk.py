"""A trunk for benchmarks: SIPp on this machine, a carrier of the engine of our own, and what its processes take."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.carrier.sip.trunk import HERE, SCENARIOS, SystemClock, free_udp_port, is_taken

from bench.figure import Skipped
from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.carrier.sip.terms import SipTerms
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial
from portevoix.domain.number import Number
from portevoix.domain.trunk import CallerId, DialTemplate, Engine, Server, Trunk
from portevoix.domain.trunk import Path as Way

SCENARIO = SCENARIOS / "answer.xml"
NUMBER = Number.parse("06 39 98 01 00")
ENVIRONMENT = {"TERM": "dumb", "PATH": os.environ["PATH"]}
COUNTED_EVERY_S = 1
BUFFER_BYTES = 4 * 1_024 * 1_024


class FarEnd:
    """A SIPp that answers.

    Args:
        folder: where it writes what it counts.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self._folder = folder

    async def repeated(self, calls: int) -> int:
        """Tell how many requests came to it again, of so many calls that are over."""
        await asyncio.sleep(2 * COUNTED_EVERY_S)  # until it has written down what it has counted
        (counts,) = self._folder.glob("*_counts.csv")
        again = _last(counts)
        requests = [name.removesuffix("_Recv") for name in again if name.endswith("_Recv")]
        late = _last(self._folder / "stat.csv")  # an INVITE that comes again after its call is one more call to it
        after = int(late["OutOfCallMsgs(C)"]) + int(late["IncomingCall(C)"]) - calls
        return sum(int(again[f"{one}_Retrans"]) for one in requests) + after


def needs_sipp() -> None:
    """Raise Skipped where there is no SIPp."""
    if shutil.which("sipp") is None:
        raise Skipped("there is no sipp: apt install sip-tester")


@asynccontextmanager
async def far_end(folder: Path, calls: int, media: int = 9) -> AsyncIterator[FarEnd]:
    """Run a SIPp that takes so many calls, and has room for repeats.

    Args:
        folder: for its logs; what is there of an earlier one goes.
        media: where it says that media go.
    """
    for old in folder.glob("*.csv"):  # noqa: ASYNC240 - nothing is under way yet
        old.unlink()
    port = free_udp_port()
    process = await asyncio.create_subprocess_exec(
        *("sipp", "-sf", str(SCENARIO), "-i", HERE, "-p", str(port), "-m", str(2 * calls), "-nostdin"),
        *("-key", "media", str(media), "-mp", str(free_udp_port()), "-buff_size", str(BUFFER_BYTES)),
        *("-deadcall_wait", "0", "-trace_counts", "-trace_stat", "-stf", "stat.csv", "-fd", str(COUNTED_EVERY_S)),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    while not is_taken(port):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0.02)
    try:
        yield FarEnd(port, folder)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def sipp_calls(folder: Path, port: int, calls: int, rate: int, at_once: int) -> None:
    """Have SIPp make calls of 20 ms, so many a second and at once at most."""
    caller = await asyncio.create_subprocess_exec(
        *("sipp", f"{HERE}:{port}", "-sn", "uac", "-i", HERE, "-p", str(free_udp_port()), "-nostdin", "-d", "20"),
        *("-m", str(calls), "-l", str(at_once), "-r", str(rate), "-mp", str(free_udp_port())),
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    assert await caller.wait() == 0


@asynccontextmanager
async def carrier(tail_ms: int = 200) -> AsyncIterator[SipCarrier]:
    """Run one media process, and its ear."""
    terms = SipTerms(bind=HERE, port=0, processes=1, rtp_ports=(20_000, 29_999), tail_ms=tail_ms)
    async with SipCarrier(terms, SystemClock()) as sip:
        await sip.supervisor.ready()
        (pid,) = sip.supervisor.process_ids
        while not ears_of(pid):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.02)
        yield sip


def dial(port: int, audio: TelephoneAudio, number: int, kind: Kind = Kind.VOICE) -> Dial:
    """Ask for a call to the far end; a deposit goes to a mobile, where a mailbox alone can answer."""
    trunk = Trunk(1, "far", Engine.SIP, Server(HERE, port), caller_id=CallerId(NUMBER))
    way = Way(trunk, DialTemplate().target(NUMBER), "+33199000100")
    return Dial(number, f"c-{number}", 1, 1, NUMBER, kind, audio, None, 0, datetime.now(UTC), longest_s=600, path=way)


def cpu_s(*pids: int) -> float:
    """Tell the CPU seconds that processes have taken."""
    taken = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        taken += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return taken


def memory_mb(pid: int) -> float:
    """Tell what a process holds, in MB of a million bytes; nothing where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def ears_of(pid: int) -> list[int]:
    """Find the processes that a media process has started."""
    listings = [one.read_text(encoding="ascii") for one in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for listing in listings for child in listing.split()]


def _last(path: Path) -> dict[str, str]:
    """Read the last line of a table of SIPp's."""
    with path.open(encoding="ascii", newline="") as table:
        *_, last = csv.DictReader(table, delimiter=";")
    return last
