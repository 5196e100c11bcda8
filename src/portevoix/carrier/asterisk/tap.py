"""What a call's far end says, for the analyser: a snoop of its channel, bridged to RTP towards us."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, cast

from portevoix.carrier.asterisk.ari import Ari, AriUnclear, channel_path
from portevoix.carrier.asterisk.events import Event
from portevoix.carrier.sip.jitter import JitterBuffer
from portevoix.carrier.sip.rtp import FRAME_S, parse
from portevoix.carrier.sip.sdp import Codec
from portevoix.domain.trunk import Server

SPY = "in"  # what the channel's own far end says, nothing of what is played to it


class _Ear(asyncio.DatagramProtocol):
    """Takes RTP from the first that sends some."""

    def __init__(self) -> None:
        self.buffer = JitterBuffer()
        self.transport: asyncio.DatagramTransport
        self._source: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        """Take a packet."""
        packet = parse(data)
        if packet is None or packet.payload_type != Codec.PCMA or self._source not in (None, source):
            return
        self._source = source
        self.buffer.push(packet.timestamp, packet.payload)


class Tap:
    """The tap of one call; what it has made at Asterisk is removed by ``close``.

    Args:
        ari: where the call is.
        server: it as we reach it.
        channel: of the call.
        limits: variables that end a channel of which nobody is left to end it.
    """

    def __init__(self, ari: Ari, server: Server, channel: str, limits: Mapping[str, str]) -> None:
        self._ari = ari
        self._server = server
        self._channel = channel
        self._limits = limits
        self._snoop, self._media, self._bridge = (f"{channel}-{part}" for part in ("snoop", "media", "bridge"))
        self._awaited = {self._snoop: asyncio.Event(), self._media: asyncio.Event()}
        self._asked: list[str] = []

    def take(self, event: Event) -> None:
        """A channel of the tap's own has begun."""
        if event.type == "StasisStart" and event.channel is not None:
            self._awaited[event.channel.id].set()

    def lose(self) -> None:
        """The call itself is told, and ends."""

    async def run(self, take: Callable[[bytes], bool]) -> None:
        """Open the tap, and give what is said until nobody wants more.

        Args:
            take: given a frame of 20 ms each 20 ms, silence where nothing has come; tells whether more is wanted.

        Raises:
            AriDown, AriUnclear, AriRefused, OSError.
        """
        loop = asyncio.get_running_loop()
        transport, ear = await loop.create_datagram_endpoint(_Ear, local_addr=(await own_address(self._server), 0))
        try:
            host, port = transport.get_extra_info("sockname")[:2]
            await self._open(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            due = loop.time()
            while take(ear.buffer.pull()):
                due += FRAME_S
                await asyncio.sleep(due - loop.time())
        finally:
            transport.close()

    async def _open(self, here: str) -> None:
        app = self._ari.app
        for channel in self._awaited:
            self._ari.listen(channel, self)
        self._asked.append(channel_path(self._snoop))
        await self._ari.ask(
            "POST", channel_path(self._channel, f"/snoop/{self._snoop}"), {"app": app, "spy": SPY, "whisper": "none"}
        )
        self._asked.append(channel_path(self._media))
        media = {"app": app, "channelId": self._media, "external_host": here, "format": "alaw"}
        await self._ari.ask("POST", "channels/externalMedia", media, self._limits)
        self._asked.append(f"bridges/{self._bridge}")
        await self._ari.ask("POST", f"bridges/{self._bridge}", {"type": "mixing"})
        try:  # what has not begun cannot be bridged
            async with asyncio.timeout(self._ari.timeout_s):
                for begun in self._awaited.values():
                    await begun.wait()
        except TimeoutError as error:
            raise AriUnclear("the tap's channels have not begun") from error
        channels = {"channel": ",".join(self._awaited)}
        await self._ari.ask("POST", f"bridges/{self._bridge}/addChannel", channels)

    async def close(self) -> None:
        """Take away what was made."""
        for channel in self._awaited:
            self._ari.drop(channel)
        for path in self._asked:
            await self._ari.remove(path)


async def own_address(server: Server) -> str:
    """Find the address that a server would see us at; nothing is sent. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
    family, _, _, _, place = found[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(place)
        return str(probe.getsockname()[0])
