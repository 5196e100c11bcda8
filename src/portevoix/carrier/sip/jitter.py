"""The receive buffer before the analyser: packets in, one frame each 20 ms out, in order, gaps as silence."""

from __future__ import annotations

from portevoix.carrier.sip.companding import ALAW_SILENCE
from portevoix.carrier.sip.rtp import FRAME_BYTES

SILENCE = bytes([ALAW_SILENCE]) * FRAME_BYTES
FIRST_FRAMES = 3
"""Frames that are waited for before the first one is let out: 60 ms of jitter are smoothed."""
MOST_BYTES = 20 * FRAME_BYTES
"""What is kept at most: a burst after 400 ms of nothing is cut, so that we hear what is said now."""


class JitterBuffer:
    """Audio of one call by its RTP timestamps, whatever the sizes of its packets.

    Samples that come late, twice or too early are dropped; samples that never come are silence.
    """

    def __init__(self) -> None:
        self.late = 0
        self._next: int | None = None
        self._held: dict[int, bytes] = {}
        self._bytes = 0
        self._ready = bytearray()
        self._has_begun = False

    def push(self, timestamp: int, alaw: bytes) -> None:
        """Take a packet's samples; its timestamp counts samples modulo 2**32."""
        if self._next is None:
            self._next = timestamp
        ahead = (timestamp - self._next + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        if ahead < 0 or timestamp in self._held:
            if ahead < -MOST_BYTES:  # a new stream's clock
                self._begin_anew(timestamp, alaw)
            else:
                self.late += 1
            return
        if ahead > MOST_BYTES or self._bytes + len(alaw) > MOST_BYTES:
            self._begin_anew(timestamp, alaw)
            return
        self._held[timestamp] = alaw
        self._bytes += len(alaw)

    def pull(self) -> bytes:
        """Let a frame out; silence where there is none."""
        if not self._has_begun:
            if self._bytes < FIRST_FRAMES * FRAME_BYTES:
                return SILENCE
            self._has_begun = True
        self._gather()
        if len(self._ready) >= FRAME_BYTES:
            frame = bytes(self._ready[:FRAME_BYTES])
            del self._ready[:FRAME_BYTES]
            return frame
        if not self._held:  # run dry: what comes next is the first again
            self._has_begun = False
            self._next = None
            frame = bytes(self._ready) + SILENCE[len(self._ready) :]
            self._ready.clear()
            return frame
        frame = bytes(self._ready) + SILENCE[len(self._ready) :]
        self._move(FRAME_BYTES - len(self._ready))
        self._ready.clear()
        return frame

    def _gather(self) -> None:
        """Put what follows on without a gap."""
        while self._next is not None and len(self._ready) < FRAME_BYTES and self._next in self._held:
            alaw = self._held.pop(self._next)
            self._bytes -= len(alaw)
            self._ready += alaw
            self._move(len(alaw))

    def _move(self, samples: int) -> None:
        """Go on by so many samples; what was held and is past now is late."""
        assert self._next is not None
        self._next = (self._next + samples) % 0x1_0000_0000
        for timestamp in [one for one in self._held if 0 < (self._next - one) % 0x1_0000_0000 < 0x8000_0000]:
            self._bytes -= len(self._held.pop(timestamp))
            self.late += 1

    def _begin_anew(self, timestamp: int, alaw: bytes) -> None:
        self._held = {timestamp: alaw}
        self._bytes = len(alaw)
        self._ready.clear()
        self._next = timestamp
