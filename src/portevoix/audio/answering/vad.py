"""Whether 20 ms of sound are voice."""

from __future__ import annotations

from collections import deque

import webrtcvad

from portevoix.domain.audio import RATE_HZ

# The library's strictest: noise on a line is not taken for voice as readily.
_STRICTEST = 3
_SILENCE_DBFS = -50.0
# Voice comes and goes, noise stays: what is not above the softest of the last 1.5 s by as much is noise. The library
# itself takes a noisy line's first moments for voice.
_OVER_FLOOR_DB = 2.0
_FLOOR_PARTS = 5
_FRAMES_A_PART = 15


class VoiceDetector:
    """WebRTC's voice detector, and a floor under which nothing is voice."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_STRICTEST)
        self._frames = 0
        self._softest_dbfs = deque([0.0], maxlen=_FLOOR_PARTS)

    def is_voice(self, pcm: bytes, level_dbfs: float) -> bool:
        """Judge 20 ms.

        Args:
            pcm: 160 samples of 16 bits, in the machine's byte order.
            level_dbfs: their level.
        """
        # It learns the line's noise from silence too, so it is asked in any case.
        is_voice = bool(self._vad.is_speech(pcm, RATE_HZ))
        return is_voice and level_dbfs > max(_SILENCE_DBFS, self._floor_dbfs(level_dbfs) + _OVER_FLOOR_DB)

    def _floor_dbfs(self, level_dbfs: float) -> float:
        if self._frames == _FRAMES_A_PART:
            self._softest_dbfs.append(0.0)
            self._frames = 0
        self._frames += 1
        self._softest_dbfs[-1] = min(self._softest_dbfs[-1], level_dbfs)
        return min(self._softest_dbfs)
