"""A trunk for tests: SIPp with one of ``tests/carrier/sipp``'s scenarios, and a socket that takes the media."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.carrier.sip.rtp import Packet, parse
from portevoix.carrier.sip.stream import MOST_PACKET_BYTES
from portevoix.carrier.sip.terms import SipTerms
from portevoix.domain.audio import TelephoneAudio
from portevoix.domain.campaign import Kind
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.number import Number
from portevoix.domain.trunk import CallerId, Credentials, DialTemplate, Engine, Server, Trunk
from portevoix.domain.trunk import Path as Way
from tests.parts import BEGINNING, PATIENCE_S

SCENARIOS = Path(__file__).parent.parent / "sipp"
HERE = "127.0.0.1"
CREDENTIALS = Credentials("trunkuser", "s3cret")
MOBILE = Number.parse("06 39 98 01 00")
LANDLINE = Number.parse("01 99 00 01 00")

needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed: apt install sip-tester")


class SystemClock:
    """The ``Clock`` port, ours: a media process tells moments of the real one."""

    def now(self) -> datetime:
        """Return the moment."""
        return datetime.now(UTC)


class Tape(asyncio.DatagramProtocol):
    """Takes a far end's media, and can speak back to whoever it was."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.packets: list[Packet] = []
        self.source: tuple[str, int] | None = None
        self.came = asyncio.Condition()
        self.transport: asyncio.DatagramTransport
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        packet = parse(data)
        if packet is None:
            return
        self.packets.append(packet)
        self.source = source
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self.came:
            self.came.notify_all()

    async def wait_for(self, what: Callable[[], bool]) -> None:
        """Wait until something holds of what has come."""
        async with asyncio.timeout(PATIENCE_S), self.came:
            await self.came.wait_for(what)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def drain(self) -> None:
        """Take what has come by now: a loop that is behind reads one packet a turn."""
        while True:
            try:
                data, source = self._socket.recvfrom(MOST_PACKET_BYTES)
            except OSError:  # nothing is there, or the tape is closed
                return
            self.datagram_received(data, source[:2])

    def heard(self, payload_type: int = 8) -> bytes:
        """Put what came together, in the order of the sequence numbers."""
        self.drain()
        packets = [one for one in self.packets if one.payload_type == payload_type]
        first = packets[0].sequence if packets else 0
        return b"".join(one.payload for one in sorted(packets, key=lambda one: (one.sequence - first) & 0xFFFF))


@asynccontextmanager
async def tape(sock: socket.socket | None = None) -> AsyncIterator[Tape]:
    """Open a tape on a free port, or on a socket."""
    if sock is None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HERE, 0))
    made = Tape(sock)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, sock=sock)
    try:
        yield made
    finally:
        made.drain()
        made.transport.close()


def free_udp_port() -> int:
    """Find a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HERE, 0))
        port: int = probe.getsockname()[1]
        return port


class Sipp:
    """A SIPp that answers by a scenario.

    Args:
        process: of it.
        port: where it listens.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
        self.process = process
        self.port = port
        self._folder = folder

    async def done(self) -> str:
        """Wait until the scenario was played to its end; returns what went wrong, empty for nothing."""
        async with asyncio.timeout(PATIENCE_S):
            code = await self.process.wait()
        return "" if code == 0 else f"sipp ended with {code}: {self.errors()}"

    def errors(self) -> str:
        """Read what it complained of."""
        return "".join(path.read_text(errors="replace") for path in self._folder.glob("*.err"))

    def messages(self) -> str:
        """Read what was sent and received."""
        path = self._folder / "messages"
        return path.read_text(errors="replace") if path.exists() else ""


@asynccontextmanager
async def sipp(
    scenario: str, folder: Path, *arguments: str, calls: int = 1, media: int = 9, port: int | None = None
) -> AsyncIterator[Sipp]:
    """Run SIPp on a port of the loopback, a free one where none is given.

    Args:
        folder: for its logs.
        calls: after how many it ends.
        media: where its descriptions say that media go.
    """
    given = ("-m", str(calls), "-key", "media", str(media), *arguments)
    process, port = await _start(scenario, folder, given, port)
    try:
        yield Sipp(process, port, folder)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _start(
    scenario: str, folder: Path, given: tuple[str, ...], wanted: int | None
) -> tuple[asyncio.subprocess.Process, int]:
    """Start SIPp, again where somebody was faster to take one of its ports."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            port = wanted or free_udp_port()
            process = await asyncio.create_subprocess_exec(
                *("sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", HERE, "-p", str(port), *given),
                *("-nostdin", "-trace_err", "-error_file", str(folder / f"{scenario}.err"), "-trace_msg"),
                *("-message_file", str(folder / "messages"), "-mp", str(free_udp_port())),
                *("-timeout", str(PATIENCE_S), "-deadcall_wait", "0"),
                env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            while process.returncode is None:
                if is_taken(port):
                    return process, port
                await asyncio.sleep(0.02)  # no event tells of it


def is_taken(port: int) -> bool:
    """Tell whether somebody has a UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HERE, port))
        except OSError:
            return True
    return False


def terms(**changed: Any) -> SipTerms:
    """Set up one process on the loopback, on any port."""
    first = 20_000 + free_udp_port() % 40 * 500
    given = {"bind": HERE, "port": 0, "processes": 1, "analyser": "", "rtp_ports": (first, first + 499), "tail_ms": 60}
    return SipTerms(**{**given, **changed})


async def ear_of(media: int, besides: int | None = None) -> int:
    """Find the ear of a media process, or its next one: no event tells of it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for listing in Path(f"/proc/{media}/task").glob("*/children"):  # noqa: ASYNC240
                for child in map(int, listing.read_text(encoding="ascii").split()):
                    if child != besides and "numpy" in maps_of(child):
                        return child
            await asyncio.sleep(0.02)


def maps_of(process: int) -> str:
    """Read which files a process has in its memory; nothing of one that has just ended."""
    with suppress(OSError):
        return Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    return ""


def trunk(port: int, **changed: Any) -> Trunk:
    """Make a trunk to a peer on the loopback."""
    given: dict[str, Any] = {"caller_id": CallerId(LANDLINE), "server": Server(HERE, port)}
    return Trunk(id=1, name="far", engine=Engine.SIP, **{**given, **changed})


def dial(over: Trunk, alaw: bytes = b"\xd5" * 800, number: Number = MOBILE, **changed: Any) -> Dial:
    """Ask for a call of a message to a number over a trunk."""
    way = Way(over, DialTemplate().target(number), over.caller_id.shown(None))
    given: dict[str, Any] = {"kind": Kind.VOICE, "longest_s": 60, "path": way}
    return Dial(
        call_id=1,
        call="c-1",
        attempt=1,
        account_id=1,
        number=number,
        audio=TelephoneAudio(alaw),
        sender=None,
        route=0,
        at=BEGINNING,
        **{**given, **changed},
    )


class Told:
    """Takes progress, and wakes who waits for it."""

    def __init__(self) -> None:
        self.said: list[Progress] = []
        self.rang = asyncio.Event()
        self.answered = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        self.said.append(progress)
        if progress.ringing_at is not None:
            self.rang.set()
        if progress.answered_at is not None:
            self.answered.set()


@asynccontextmanager
async def carrier(**changed: Any) -> AsyncIterator[SipCarrier]:
    """Run a carrier with its media processes."""
    async with SipCarrier(terms(**changed), SystemClock()) as made:
        async with asyncio.timeout(PATIENCE_S):
            await made.supervisor.ready()
        yield made
