"""RTP packets (RFC 3550, 5.1), and what a silent line sounds like."""

from __future__ import annotations

import random
import struct
from typing import NamedTuple

from portevoix.carrier.sip.companding import ALAW_SILENCE, ULAW_OF_ALAW
from portevoix.carrier.sip.sdp import Codec

HEADER = struct.Struct("!BBHII")
FRAME_BYTES = 160
"""20 ms of G.711."""
FRAME_S = 0.02
VERSION = 0x80
MARKER = 0x80
COMFORT_NOISE = 13
"""RFC 3389; a far end may send it unasked, and it counts as silence."""

_NOISE_FRAMES = 50


class Packet(NamedTuple):
    """A packet that was received."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet | None:
    """Read a packet; ``None`` for what is none: too short, another version, lengths that do not fit."""
    if len(data) < HEADER.size or data[0] & 0xC0 != VERSION:
        return None
    flags, kind, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    start = HEADER.size + 4 * (flags & 0x0F)
    end = len(data)
    if flags & 0x10:  # an extension: its length in words comes third and fourth
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if flags & 0x20:
        end -= data[-1] or end
    return Packet(kind & 0x7F, sequence, timestamp, ssrc, data[start:end]) if start <= end else None


def comfort_noise() -> bytes:
    """Make a second of noise at about -65 dBm0, A-law, the same each time: a line that is dead quiet seems cut."""
    rng = random.Random(3389)  # noqa: S311 - no secret
    levels = (ALAW_SILENCE, ALAW_SILENCE ^ 0x80, ALAW_SILENCE ^ 0x01, ALAW_SILENCE ^ 0x81)
    return bytes(rng.choices(levels, weights=(4, 4, 1, 1), k=_NOISE_FRAMES * FRAME_BYTES))


def padded(alaw: bytes) -> bytes:
    """Fill the last frame up with silence."""
    return alaw + bytes([ALAW_SILENCE]) * (-len(alaw) % FRAME_BYTES)


def spoken_as(codec: Codec, alaw: bytes) -> bytes:
    """Turn A-law into what a codec says."""
    return alaw if codec is Codec.PCMA else alaw.translate(ULAW_OF_ALAW)
