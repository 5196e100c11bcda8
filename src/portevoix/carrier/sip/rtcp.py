"""RTCP (RFC 3550, 6): what arrived of a stream, and the reports that both ends send each other."""

from __future__ import annotations

import struct
from dataclasses import dataclass

INTERVAL_S = 5.0
SENDER, RECEIVER, DESCRIPTION, GOODBYE = 200, 201, 202, 203
_NTP_EPOCH_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""

_HEAD = struct.Struct("!BBHI")
_SENT = struct.Struct("!IIIII")
_BLOCK = struct.Struct("!IIIIII")


class Reception:
    """What arrived of one stream: counts and jitter as RFC 3550, A.1, A.3 and A.8 have them."""

    def __init__(self) -> None:
        self.ssrc = 0
        self.received = 0
        self._first: int | None = None
        self._highest = 0
        self._cycles = 0
        self._transit: float | None = None
        self._jitter = 0.0
        self._told = (0, 0)
        self._before = (0, 0)

    def hear(self, ssrc: int, sequence: int, timestamp: int, arrived: float) -> None:
        """Take note of a packet.

        Args:
            arrived: the moment by a clock of 8,000 ticks a second.
        """
        if self._first is None or ssrc != self.ssrc:
            self._begin(ssrc, sequence)
        ahead = (sequence - self._highest) & 0xFFFF
        if 0 < ahead < 0x8000:
            if sequence < self._highest:
                self._cycles += 0x1_0000
            self._highest = sequence
        self.received += 1
        transit = (arrived - timestamp) % 0x1_0000_0000
        if self._transit is not None:
            change = (transit - self._transit + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
            self._jitter += (abs(change) - self._jitter) / 16
        self._transit = transit

    def _begin(self, ssrc: int, sequence: int) -> None:
        """Count a new source; what the one before it lost stays lost."""
        self._before = (self.expected, self.received)
        self.ssrc, self._first, self._highest, self._cycles = ssrc, sequence, sequence, 0
        self._transit = None

    @property
    def expected(self) -> int:
        """How many packets the sequence numbers tell of."""
        if self._first is None:
            return 0
        return self._before[0] + self._cycles + self._highest - self._first + 1

    @property
    def lost(self) -> int:
        """How many did not arrive; duplicates do not make up for others."""
        return max(self.expected - self.received, 0)

    @property
    def jitter_ms(self) -> float:
        """How unevenly they arrived."""
        return self._jitter / 8

    def block(self) -> bytes:
        """Write a report block (6.4.1); the fraction counts since the last one."""
        expected, received = self.expected - self._told[0], self.received - self._told[1]
        self._told = (self.expected, self.received)
        lost = max(expected - received, 0)
        fraction = min(lost * 256 // expected, 255) if expected > 0 else 0
        highest = (self._cycles + self._highest) & 0xFFFF_FFFF
        return _BLOCK.pack(self.ssrc, fraction << 24 | min(self.lost, 0x7F_FFFF), highest, int(self._jitter), 0, 0)


@dataclass(frozen=True, slots=True)
class Sent:
    """What we have sent of a stream.

    Args:
        timestamp: RTP's, of the moment of the report.
    """

    ssrc: int
    timestamp: int
    packets: int
    octets: int


def report(sent: Sent, reception: Reception, now_s: float, name: str, *, ends: bool = False) -> bytes:
    """Write a compound packet: sender or receiver report, description, and a goodbye at the end.

    Args:
        now_s: seconds since 1970.
        name: the canonical name (6.5.1).
        ends: whether the stream is over.
    """
    blocks = reception.block() if reception.received else b""
    count = 1 if blocks else 0
    if sent.packets:
        whole = int(now_s)
        ntp = _SENT.pack(
            (whole + _NTP_EPOCH_S) & 0xFFFF_FFFF,
            int((now_s - whole) * 0x1_0000_0000) & 0xFFFF_FFFF,
            sent.timestamp,
            sent.packets & 0xFFFF_FFFF,
            sent.octets & 0xFFFF_FFFF,
        )
        first = _packet(SENDER, count, sent.ssrc, ntp + blocks)
    else:
        first = _packet(RECEIVER, count, sent.ssrc, blocks)
    item = bytes([1, len(name)]) + name.encode()
    described = _packet(DESCRIPTION, 1, sent.ssrc, item + bytes(4 - len(item) % 4))
    return first + described + (_packet(GOODBYE, 1, sent.ssrc, b"") if ends else b"")


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, 1 + len(body) // 4, ssrc) + body


@dataclass(frozen=True, slots=True)
class FarEnd:
    """What the far end says of our stream.

    Args:
        lost: packets, in all.
        jitter_ms: as it measured it.
    """

    lost: int
    jitter_ms: float


def read(data: bytes, ssrc: int) -> FarEnd | None:
    """Find what a compound packet says of a source; ``None`` where it says nothing, or cannot be read."""
    found = None
    while len(data) >= _HEAD.size and data[0] & 0xC0 == 0x80:
        flags, kind, words, _ = _HEAD.unpack_from(data)
        size = 4 * (words + 1)
        if size > len(data):
            return found
        start = _HEAD.size + (_SENT.size if kind == SENDER else 0)
        if kind in (SENDER, RECEIVER):
            for place in range(flags & 0x1F):
                at = start + place * _BLOCK.size
                if at + _BLOCK.size > size:
                    break
                source, lost, _, jitter, _, _ = _BLOCK.unpack_from(data, at)
                if source == ssrc:
                    found = FarEnd(_signed(lost & 0xFF_FFFF), jitter / 8)
        data = data[size:]
    return found


def _signed(lost: int) -> int:
    """Read 24 bits with a sign: duplicates make the loss negative."""
    return lost - 0x100_0000 if lost & 0x80_0000 else lost
