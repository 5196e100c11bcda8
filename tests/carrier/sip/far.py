"""A far end that says what a test has it say, byte by byte: SIPp's scenarios know no tag but their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from portevoix.carrier.sip.carrier import SipCarrier
from portevoix.domain.call import Report
from tests.carrier.sip.trunk import HERE, Tape, Told, dial, trunk
from tests.parts import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Said:
    """A message that came."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    source: tuple[str, int]

    @classmethod
    def read(cls, data: bytes, source: tuple[str, int]) -> Said:
        """Cut a message into its parts."""
        head, _, body = data.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        pairs = [line.partition(":") for line in lines]
        return cls(start, tuple((name.strip().lower(), value.strip()) for name, _, value in pairs), body, source)

    def all(self, name: str) -> list[str]:
        """List the values of a header."""
        return [value for one, value in self.headers if one == name.lower()]

    def one(self, name: str) -> str:
        """Read a header that there is once."""
        (value,) = self.all(name)
        return value

    @property
    def number(self) -> int:
        """Of the CSeq."""
        return int(self.one("cseq").split()[0])


class FarEnd(asyncio.DatagramProtocol):
    """A trunk's other end, or whoever pretends to be one.

    A request that is sent again, because a busy machine was slow to answer it, counts once.
    """

    def __init__(self) -> None:
        self.heard: list[Said] = []
        self.sent_again: list[Said] = []
        self.transport: asyncio.DatagramTransport
        self._came = asyncio.Event()
        self._untaken: list[Said] = []
        self._asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        said = Said.read(data, (source[0], source[1]))
        if said in self.heard and not said.start.startswith(("SIP/", "ACK ")):
            self.sent_again.append(said)
            return
        self.heard.append(said)
        self._untaken.append(said)
        self._came.set()

    @property
    def place(self) -> str:
        """Host and port, as URIs have them."""
        host, port = self.transport.get_extra_info("sockname")[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    async def take(self, start: str) -> Said:
        """Wait for the next message that begins so; what comes before it is passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self._untaken:
                    said = self._untaken.pop(0)
                    if said.start.startswith(start):
                        return said
                self._came.clear()
                await self._came.wait()

    def starts(self, first: int = 0) -> list[str]:
        """List the first words of what came, or the code."""
        starts = [one.start.split() for one in self.heard[first:]]
        return [one[1] if one[0] == "SIP/2.0" else one[0] for one in starts]

    def say(self, data: str | bytes, to: tuple[str, int]) -> None:
        """Say something."""
        self.transport.sendto(data.encode() if isinstance(data, str) else data, to)

    def answer(
        self, request: Said, code: int, *headers: str, tag: str | None = "far", body: str = "", contact: str = ""
    ) -> str:
        """Answer a request; returns what was said."""
        to = request.one("to") if tag is None or ";tag=" in request.one("to") else f"{request.one('to')};tag={tag}"
        lines = [
            f"SIP/2.0 {code} Said",
            *(f"Via: {via}" for via in request.all("via")),
            *(f"{name}: {request.one(name)}" for name in ("From", "Call-ID", "CSeq")),
            f"To: {to}",
            *([] if code == 100 else [f"Contact: {contact or f'<sip:{self.place}>'}"]),
            *headers,
        ]
        text = _whole(lines, body)
        self.say(text, request.source)
        return text

    def ask(
        self,
        method: str,
        invite: Said,
        number: int,
        *headers: str,
        tag: str = "far",
        ours: str | None = None,
        body: str = "",
    ) -> str:
        """Ask something in the dialog of a call's INVITE; returns what was said.

        Args:
            number: of the CSeq.
            tag: the far end's.
            ours: who is asked, instead of the caller with its tag.
        """
        self._asked += 1
        lines = [
            f"{method} {invite.one('contact').strip('<>')} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.place};branch=z9hG4bK{method}{self._asked}",
            f"From: {invite.one('to')};tag={tag}",
            f"To: {invite.one('from') if ours is None else ours}",
            f"Call-ID: {invite.one('call-id')}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:{self.place}>",
            "Max-Forwards: 70",
            *headers,
        ]
        text = _whole(lines, body)
        self.say(text, invite.source)
        return text

    async def alive(self, to: tuple[str, int]) -> None:
        """Ask whether the loop goes on: what was said before has been answered by then, if it ever will be.

        What comes meanwhile is there to be taken.
        """
        self._asked += 1
        name = f"alive-{self._asked}"
        lines = [
            f"OPTIONS sip:us@{HERE} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.place};branch=z9hG4bK{name}",
            f"From: <sip:far@{HERE}>;tag=far",
            f"To: <sip:us@{HERE}>",
            f"Call-ID: {name}",
            "CSeq: 1 OPTIONS",
        ]
        self.say(_whole(lines, ""), to)
        async with asyncio.timeout(PATIENCE_S):
            while not (answers := [one for one in self._untaken if one.one("call-id") == name]):
                self._came.clear()
                await self._came.wait()
        self._untaken.remove(answers[0])


def _whole(lines: list[str], body: str) -> str:
    described = ["Content-Type: application/sdp"] if body and not any("Content-Type" in one for one in lines) else []
    return "\r\n".join([*lines, *described, f"Content-Length: {len(body.encode())}", "", body])


def description(media: int, direction: str = "sendrecv", host: str = HERE, payloads: str = "8 101") -> str:
    """Describe media."""
    kind = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=far 1 1 IN {kind} {host}",
        "s=-",
        f"c=IN {kind} {host}",
        "t=0 0",
        f"m=audio {media} RTP/AVP {payloads}",
        "a=rtpmap:101 telephone-event/8000",
        f"a={direction}",
        "",
    ]
    return "\r\n".join(lines)


@asynccontextmanager
async def far_end(host: str = HERE, port: int = 0) -> AsyncIterator[FarEnd]:
    """Open a far end on a free port."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(FarEnd, local_addr=(host, port))
    try:
        yield protocol
    finally:
        protocol.transport.close()


async def answered(
    sip: SipCarrier, far: FarEnd, media: Tape, message: bytes, *headers: str, told: Told | None = None, **changed: Any
) -> tuple[asyncio.Task[Report], Said]:
    """Begin a call and answer it; returns it, and its INVITE."""
    call = asyncio.create_task(sip.call(dial(trunk(far.port, **changed), message), told or Told()))
    invite = await far.take("INVITE")
    far.answer(invite, 200, *headers, body=description(media.port))
    await far.take("ACK")
    return call, invite


async def ended(call: asyncio.Task[Report], far: FarEnd) -> Report:
    """Take a call's BYE and answer it; returns the report."""
    bye = await far.take("BYE")
    far.answer(bye, 200)
    async with asyncio.timeout(PATIENCE_S):
        return await call


def stranger(host: str) -> socket.socket:
    """Open a socket at another address than the trunk's."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made
