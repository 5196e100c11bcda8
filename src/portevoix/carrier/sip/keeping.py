"""What the far end says in a call's first seconds, kept for proof."""

from __future__ import annotations

from portevoix.carrier.sip.rtp import FRAME_BYTES, FRAME_S


class Kept:
    """The far end's first seconds, as far as they were heard.

    Args:
        seconds: how much is kept at most.
    """

    def __init__(self, seconds: int) -> None:
        self._most_bytes = round(seconds / FRAME_S) * FRAME_BYTES
        self._alaw = bytearray()

    def take(self, frame: bytes) -> bool:
        """Keep 20 ms more; tells whether there is room for others. For the wheel's thread."""
        self._alaw += frame
        return len(self._alaw) < self._most_bytes

    @property
    def ms(self) -> int:
        """How long what is kept by now lasts."""
        return round(len(self._alaw) / FRAME_BYTES * FRAME_S * 1_000)

    def alaw(self) -> bytes:
        """Read what is kept by now."""
        return bytes(self._alaw)
