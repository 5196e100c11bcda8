"""What calls of a process play: each recording once, however many calls play it."""

from __future__ import annotations

from portevoix.carrier.sip import rtp
from portevoix.carrier.sip.sdp import Codec


class Sounds:
    """Recordings by their SHA-256, in whole frames, as each codec says them."""

    def __init__(self) -> None:
        self._alaw: dict[str, bytes] = {}
        self._spoken: dict[tuple[str, Codec], bytes] = {}

    def keep(self, sha256: str, alaw: bytes) -> None:
        """Take a recording."""
        self._alaw[sha256] = rtp.padded(alaw)

    def forget(self, sha256: str) -> None:
        """Let go of a recording; calls that play it go on."""
        self._alaw.pop(sha256, None)
        for codec in Codec:
            self._spoken.pop((sha256, codec), None)

    def spoken(self, sha256: str, codec: Codec) -> bytes:
        """Tell what a codec says for a recording that is kept."""
        if codec is Codec.PCMA:
            return self._alaw[sha256]
        key = (sha256, codec)
        if key not in self._spoken:
            self._spoken[key] = rtp.spoken_as(codec, self._alaw[sha256])
        return self._spoken[key]
