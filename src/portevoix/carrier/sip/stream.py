"""The media of one call: its two sockets, what it plays, and what it hears.

The wheel's thread calls ``tick``, ``drain`` and ``drain_reports``; the signalling thread calls the rest. What both
touch is one attribute that is replaced whole.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence

from portevoix.carrier.sip import rtcp, rtp
from portevoix.carrier.sip.companding import ALAW_OF_ULAW
from portevoix.carrier.sip.digits import Digits
from portevoix.carrier.sip.jitter import JitterBuffer
from portevoix.carrier.sip.sdp import Codec, Media

REPORT_TICKS = int(rtcp.INTERVAL_S / rtp.FRAME_S)
NOISE = rtp.comfort_noise()
NOISES = {codec: memoryview(rtp.spoken_as(codec, NOISE)) for codec in Codec}
MOST_PACKET_BYTES = 2_048
MOST_AT_ONCE = 64
"""Packets of one call that are read in one go: nobody's flood delays the others."""


class NoPort(Exception):
    """Every port of the range is taken."""


class Ports:
    """Hands out pairs of neighbouring ports, each again as late as can be.

    Args:
        bind: the address.
        first, last: an even and an odd port.
    """

    def __init__(self, bind: str, first: int, last: int) -> None:
        self._bind = bind
        self._family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        self._pairs = (last - first + 1) // 2
        self._next: Iterator[int] = itertools.cycle(range(first, last, 2))

    def take(self) -> tuple[socket.socket, socket.socket]:
        """Open a pair, RTP's and RTCP's (RFC 3550, 11). Raises NoPort."""
        for port in itertools.islice(self._next, self._pairs):
            media = socket.socket(self._family, socket.SOCK_DGRAM)
            reports = socket.socket(self._family, socket.SOCK_DGRAM)
            try:
                media.bind((self._bind, port))
                reports.bind((self._bind, port + 1))
            except OSError:
                media.close()
                reports.close()
                continue
            media.setblocking(False)
            reports.setblocking(False)
            return media, reports
        raise NoPort


def media_hosts(described: str | None, trunk: Sequence[str]) -> frozenset[str] | None:
    """Tell from where media may come: from the described address and the trunk's own.

    ``None`` for anywhere: a private address, where the trunk's is not, is what a NAT left in the description.
    """
    is_behind_nat = described is not None and ipaddress.ip_address(described).is_private
    if is_behind_nat and not any(ipaddress.ip_address(one).is_private for one in trunk):
        return None
    return frozenset(trunk if described is None else [described, *trunk])


class Playing:
    """A message on its way out.

    Args:
        data: in the codec of the call, whole frames.
        on_done: called once, in the wheel's thread, when the last frame has left.
    """

    __slots__ = ("data", "offset", "on_done")

    def __init__(self, data: bytes, on_done: Callable[[], None]) -> None:
        self.data = memoryview(data)
        self.offset = 0
        self.on_done = on_done


class Stream:
    """The media of one call.

    Args:
        sockets: for RTP and RTCP.
    """

    def __init__(self, sockets: tuple[socket.socket, socket.socket]) -> None:
        self.socket, self.reports = sockets
        self.port: int = self.socket.getsockname()[1]
        self.reception = rtcp.Reception()
        self.digits = Digits()
        self.far_end: rtcp.FarEnd | None = None
        self.sent = 0
        self.unsent = 0
        self.jitter = JitterBuffer()
        self.listener: Callable[[bytes], None] | None = None
        self.keeper: Callable[[bytes], bool] | None = None
        self._media: Media | None = None
        self._destination: tuple[str, int] | None = None
        self._source: tuple[str, int] | None = None
        self._hosts: frozenset[str] | None = frozenset()
        self._playing: Playing | None = None
        self._frame = bytearray(rtp.HEADER.size + rtp.FRAME_BYTES)
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)
        self._ticks = self._ssrc % REPORT_TICKS  # so that not all reports leave at once
        self._marker = rtp.MARKER
        self._noise = 0

    def aim(self, media: Media, trunk: Sequence[str]) -> None:
        """Send as the far end wants it from now on; the first answer, or a new one.

        Args:
            trunk: addresses of the trunk itself.
        """
        self._source = None
        self._hosts = media_hosts(media.address, trunk)
        self._destination = None if media.address is None else (media.address, media.port)
        self._media = media

    def play(self, data: bytes, on_done: Callable[[], None]) -> None:
        """Play a message from its first frame on, in place of whatever plays."""
        self._playing = Playing(data, on_done)

    def respeak(self, data: bytes) -> None:
        """Go on where the message is, as another codec says it."""
        playing = self._playing
        if playing is not None:
            playing.data = memoryview(data)

    @property
    def is_playing(self) -> bool:
        """Whether a message is on its way out."""
        return self._playing is not None

    def tick(self) -> None:
        """Send the frame of these 20 ms."""
        self._timestamp = (self._timestamp + rtp.FRAME_BYTES) & 0xFFFF_FFFF
        self._ticks += 1
        media, destination = self._media, self._destination
        if media is not None and destination is not None and media.hears:
            self._send(media, destination)
        else:
            self._marker = rtp.MARKER
        listener, keeper = self.listener, self.keeper  # the signalling thread may take them away meanwhile
        if listener is not None or keeper is not None:
            frame = self.jitter.pull()
            if listener is not None:
                listener(frame)
            if keeper is not None and not keeper(frame):
                self.keeper = None
        if self._ticks % REPORT_TICKS == 0 and destination is not None:
            self.report()

    def _send(self, media: Media, destination: tuple[str, int]) -> None:
        playing, frame = self._playing, self._frame
        if playing is not None:
            end = playing.offset + rtp.FRAME_BYTES
            frame[rtp.HEADER.size :] = playing.data[playing.offset : end]
            playing.offset = end
        else:
            frame[rtp.HEADER.size :] = NOISES[media.codec][self._noise : self._noise + rtp.FRAME_BYTES]
            self._noise = (self._noise + rtp.FRAME_BYTES) % len(NOISE)
        rtp.HEADER.pack_into(
            frame, 0, rtp.VERSION, media.codec | self._marker, self._sequence, self._timestamp, self._ssrc
        )
        self._marker = 0
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            self.socket.sendto(frame, destination)
        except OSError:  # full buffers, a host that is not there: the next frame may go through
            self.unsent += 1
        self.sent += 1
        if playing is not None and playing.offset >= len(playing.data):
            if self._playing is playing:
                self._playing = None
            playing.on_done()

    def drain(self) -> None:
        """Read what has come."""
        for _ in range(MOST_AT_ONCE):
            try:
                data, source = self.socket.recvfrom(MOST_PACKET_BYTES)
            except OSError:
                return
            packet = rtp.parse(data)
            if packet is not None:
                self._hear(packet, (source[0], source[1]))

    def _hear(self, packet: rtp.Packet, source: tuple[str, int]) -> None:
        media = self._media
        if media is None:  # before the answer: early media is nobody's business
            return
        is_ours = packet.payload_type in (Codec.PCMA, Codec.PCMU, rtp.COMFORT_NOISE, media.events)
        if not is_ours or not self._is_from_peer(source):
            return
        self.reception.hear(packet.ssrc, packet.sequence, packet.timestamp, time.monotonic() * 8_000)
        if packet.payload_type == media.events:
            self.digits.hear(packet.payload, packet.timestamp)
        elif (self.listener or self.keeper) is not None and packet.payload_type != rtp.COMFORT_NOISE:
            is_ulaw = packet.payload_type == Codec.PCMU
            self.jitter.push(packet.timestamp, packet.payload.translate(ALAW_OF_ULAW) if is_ulaw else packet.payload)

    def _is_from_peer(self, source: tuple[str, int]) -> bool:
        """Follow the far end to where it sends from, once after each description (symmetric RTP, RFC 4961).

        Its port in the description is wrong behind a NAT; whoever comes later, or from elsewhere, changes nothing.
        """
        if self._source is None and self._may_speak(source[0]):
            self._source = source
            if self._destination is not None:
                self._destination = source
        return source == self._source

    def _may_speak(self, host: str) -> bool:
        return self._hosts is None or host in self._hosts

    def drain_reports(self) -> None:
        """Read what the far end says of our stream."""
        for _ in range(MOST_AT_ONCE):
            try:
                data, source = self.reports.recvfrom(MOST_PACKET_BYTES)
            except OSError:
                return
            if self._may_speak(source[0]):
                self.far_end = rtcp.read(data, self._ssrc) or self.far_end

    def report(self, *, ends: bool = False) -> None:
        """Send a report."""
        if self._destination is None:
            return
        host, port = self._destination
        octets = self.sent * rtp.FRAME_BYTES
        sent = rtcp.Sent(self._ssrc, self._timestamp, self.sent, octets)
        name = f"{self._ssrc:08x}@portevoix"
        try:
            self.reports.sendto(rtcp.report(sent, self.reception, time.time(), name, ends=ends), (host, port + 1))
        except (OSError, OverflowError):  # beyond the last port there is none
            self.unsent += 1

    def summary(self) -> str:
        """Tell how the media went, as a call's timeline shows it."""
        heard = self.reception
        said = f"sent={self.sent} received={heard.received} lost={heard.lost} jitter_ms={heard.jitter_ms:.1f}"
        if self.far_end is not None:
            said += f" far_end_lost={self.far_end.lost} far_end_jitter_ms={self.far_end.jitter_ms:.1f}"
        return said

    def close(self) -> None:
        """Say goodbye, and let go of the ports."""
        self.report(ends=True)
        self.socket.close()
        self.reports.close()
