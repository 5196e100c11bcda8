"""Phones at the far end of a trunk that do what the last digits of their numbers say, as the simulated ones do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from portevoix.audio.condition import to_pcm16
from portevoix.audio.g711 import alaw_encode
from portevoix.carrier.sip.rtp import FRAME_BYTES, FRAME_S, HEADER, Packet, parse
from tests.audio.recordings import voice
from tests.carrier.sip.test_listening import SILENCE, tone
from tests.carrier.sip.trunk import HERE, Sipp, sipp
from tests.parts import PATIENCE_S

EVENT = 101  # RFC 4733
MOST_CALLS = 10_000

_MESSAGE = re.compile(r"^-{20,}.*$", re.MULTILINE)
_METHOD = re.compile(r"^CSeq: *\d+ *(\w+)", re.MULTILINE | re.IGNORECASE)
_STATUS = re.compile(r"^SIP/2\.0 (\d+)", re.MULTILINE)
_CALL_ID = re.compile(r"^Call-ID: *(\S+)", re.MULTILINE | re.IGNORECASE)

Told = Sequence[tuple[int, bytes]]
"""What somebody says: an RTP payload type and a payload every 20 ms."""


def speech(alaw: bytes) -> Told:
    """Say A-law."""
    return [(8, alaw[place : place + FRAME_BYTES]) for place in range(0, len(alaw), FRAME_BYTES)]


def said(seconds: float) -> bytes:
    """Make something like speech."""
    return alaw_encode(to_pcm16(voice(seconds, 8_000)))


def pressed(key: int) -> Told:
    """Press a key: its packets grow, and the last one comes three times."""
    held = [bytes([key, 0]) + (160 * count).to_bytes(2, "big") for count in range(1, 5)]
    return [(EVENT, event) for event in (*held, *[bytes([key, 0x80]) + (800).to_bytes(2, "big")] * 3)]


class Mouth(asyncio.DatagramProtocol):
    """Says the same to each call that it hears something of.

    Args:
        told: what it says.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._speaking: dict[tuple[object, int], asyncio.Task[None]] = {}
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        packet = parse(data)
        if packet is not None and (source, packet.ssrc) not in self._speaking:
            self._speaking[source, packet.ssrc] = asyncio.create_task(self._speak(packet, source))

    async def _speak(self, heard: Packet, source: tuple[str | Any, int]) -> None:
        """Speak at a phone's own pace."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        start = 0
        for place, (kind, payload) in enumerate(self._told):
            start = start if kind == EVENT else place * FRAME_BYTES  # a key's packets bear the moment of its beginning
            self._transport.sendto(HEADER.pack(0x80, kind, place, start, heard.ssrc ^ 1) + payload, source)
            await asyncio.sleep(began + (place + 1) * FRAME_S - loop.time())

    @property
    def port(self) -> int:
        """Where it hears."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def close(self) -> None:
        """Fall silent."""
        self._transport.close()
        for task in self._speaking.values():
            task.cancel()
        await asyncio.gather(*self._speaking.values(), return_exceptions=True)


MOUTHS = {
    "person": speech(SILENCE[:2_400] + said(0.6)),
    "keys": pressed(1),
    "machine": speech(said(2.5) + SILENCE[:4_000] + tone(1_000, 500) + SILENCE),
    "full": speech(said(20)),
}


class Phones:
    """The phones behind one port.

    Args:
        peer: the SIPp that they are.
    """

    def __init__(self, peer: Sipp) -> None:
        self._peer = peer

    @property
    def port(self) -> int:
        """Where they are called."""
        return self._peer.port

    async def are_quiet(self) -> None:
        """Wait until none of them has a call any more: no event tells of that."""
        async with asyncio.timeout(PATIENCE_S):
            while under_way(self._peer.messages()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def under_way(messages: str) -> set[str]:
    """Tell which calls are not over, by all messages that SIPp has seen."""
    calls: set[str] = set()
    refused: set[str] = set()
    for text in _MESSAGE.split(messages):
        found = _CALL_ID.search(text)
        if found is None:
            continue
        call, method, status = found[1], _METHOD.search(text), _STATUS.search(text)
        code = int(status[1]) if status else 0
        match method[1] if method else "":
            case "INVITE" if not code:
                calls.add(call)
            case "INVITE" if code >= 300:
                refused.add(call)
            case "ACK" if call in refused:
                calls.discard(call)
            case "BYE" if code:
                calls.discard(call)
    return calls


@asynccontextmanager
async def mouth(told: Told) -> AsyncIterator[Mouth]:
    """Open a mouth on a free port."""
    made = asyncio.get_running_loop().create_datagram_endpoint(lambda: Mouth(told), local_addr=(HERE, 0))
    _, opened = await made
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def phones(folder: Path) -> AsyncIterator[Phones]:
    """Run phones.

    Args:
        folder: for SIPp's logs.
    """
    async with AsyncExitStack() as stack:
        mouths = {name: await stack.enter_async_context(mouth(told)) for name, told in MOUTHS.items()}
        keys = [part for name, opened in mouths.items() for part in ("-key", name, str(opened.port))]
        yield Phones(await stack.enter_async_context(sipp("phones", folder, *keys, calls=MOST_CALLS)))
