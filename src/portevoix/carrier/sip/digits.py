"""Keys that are pressed: telephone-event packets (RFC 4733, 2.3), and INFO bodies of those who have no others."""

from __future__ import annotations

import re

KEYS = "0123456789*#ABCD"
MOST = 64
"""Keys that are kept of one call."""

_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9*#A-D])\s*$", re.IGNORECASE | re.MULTILINE)


class Digits:
    """The keys of one call: each event counts once, at its end or when the next one begins without."""

    def __init__(self) -> None:
        self.pressed = ""
        self._timestamp: int | None = None
        self._pending: str | None = None

    def hear(self, payload: bytes, timestamp: int) -> None:
        """Take a telephone-event packet. The end is sent three times, and all three may be lost."""
        if len(payload) < 4 or payload[0] >= len(KEYS):
            return
        if timestamp != self._timestamp:
            self.finish()
            self._timestamp, self._pending = timestamp, KEYS[payload[0]]
        if payload[1] & 0x80:
            self.finish()

    def finish(self) -> None:
        """Count the event under way."""
        if self._pending is not None:
            self.press(self._pending)
            self._pending = None

    def press(self, key: str) -> None:
        """Count a key."""
        if len(self.pressed) < MOST:
            self.pressed += key


def read_info(body: str) -> str | None:
    """Read the key of an INFO's ``application/dtmf-relay`` or ``application/dtmf`` body."""
    text = body[:256]
    if found := _SIGNAL.search(text):
        return found[1].upper()
    alone = text.strip().upper()
    return alone if len(alone) == 1 and alone in KEYS else None
