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
        codec: of the call.
        data: what it says for the message, whole frames.
        on_done: called once, in the wheel's thread, when the last frame has left.

    ``said`` has the message in each codec that the call has come to: a frame is of the codec that its header tells.
    """

    __slots__ = ("length", "offset", "on_done", "said")

    def __init__(self, codec: Codec, data: bytes, on_done: Callable[[], None]) -> None:
        self.said = {codec: memoryview(data)}
        self.length = len(data)
        self.offset = 0
        self.on_done = on_done


class Aim:
    """Where a stream goes as of one description, and who may speak to it. The wheel's thread alone changes it.

    Args:
        trunk: addresses of the trunk itself.
    """

    __slots__ = ("_hosts", "_source", "destination", "media")

    def __init__(self, media: Media, trunk: Sequence[str]) -> None:
        self.media = media
        self.destination = None if media.address is None else (media.address, media.port)
        self._hosts = media_hosts(media.address, trunk)
        self._source: tuple[str, int] | None = None

    def may_speak(self, host: str) -> bool:
        """Tell whether a host is one of the far end's."""
        return self._hosts is None or host in self._hosts

    def is_from_peer(self, source: tuple[str, int]) -> bool:
        """Follow the far end to where it sends from, once after each description (symmetric RTP, RFC 4961).

        Its port in the description is wrong behind a NAT; whoever comes later, or from elsewhere, changes nothing.
        """
        if self._source is None and self.may_speak(source[0]):
            self._source = source
            if self.destination is not None:
                self.destination = source
        return source == self._source


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
        self._aim: Aim | None = None
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
        self._aim = Aim(media, trunk)

    def play(self, codec: Codec, data: bytes, on_done: Callable[[], None]) -> None:
        """Play a message from its first frame on, in place of whatever plays."""
        self._playing = Playing(codec, data, on_done)

    def respeak(self, codec: Codec, data: bytes) -> None:
        """Go on where the message is, as another codec says it, once the stream is aimed at who wants that."""
        playing = self._playing
        if playing is not None:
            playing.said[codec] = memoryview(data)

    @property
    def is_playing(self) -> bool:
        """Whether a message is on its way out."""
        return self._playing is not None

    def tick(self) -> None:
        """Send the frame of these 20 ms."""
        self._timestamp = (self._timestamp + rtp.FRAME_BYTES) & 0xFFFF_FFFF
        self._ticks += 1
        aim = self._aim
        destination = None if aim is None else aim.destination
        if aim is not None and destination is not None and aim.media.hears:
            self._send(aim.media, destination)
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
            frame[rtp.HEADER.size :] = playing.said[media.codec][playing.offset : end]
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
        if playing is not None and playing.offset >= playing.length:
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
        aim = self._aim
        if aim is None:  # before the answer: early media is nobody's business
            return
        is_ours = packet.payload_type in (Codec.PCMA, Codec.PCMU, rtp.COMFORT_NOISE, aim.media.events)
        if not is_ours or not aim.is_from_peer(source):
            return
        self.reception.hear(packet.ssrc, packet.sequence, packet.timestamp, time.monotonic() * 8_000)
        if packet.payload_type == aim.media.events:
            self.digits.hear(packet.payload, packet.timestamp)
        elif (self.listener or self.keeper) is not None and packet.payload_type != rtp.COMFORT_NOISE:
            is_ulaw = packet.payload_type == Codec.PCMU
            self.jitter.push(packet.timestamp, packet.payload.translate(ALAW_OF_ULAW) if is_ulaw else packet.payload)

    def drain_reports(self) -> None:
        """Read what the far end says of our stream."""
        for _ in range(MOST_AT_ONCE):
            try:
                data, source = self.reports.recvfrom(MOST_PACKET_BYTES)
            except OSError:
                return
            if self._aim is not None and self._aim.may_speak(source[0]):
                self.far_end = rtcp.read(data, self._ssrc) or self.far_end

    def report(self, *, ends: bool = False) -> None:
        """Send a report."""
        destination = None if self._aim is None else self._aim.destination
        if destination is None:
            return
        host, port = destination
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
