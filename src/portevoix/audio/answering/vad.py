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
# What is behind a voice, a radio or another voice, is softer than it by as much. What was loud is forgotten slowly.
_UNDER_LOUDEST_DB = 18.0
_FORGOTTEN_DB = 0.05  # a frame: 2.5 dB a second
_FLOOR_PARTS = 5
_FRAMES_A_PART = 15


class VoiceDetector:
    """WebRTC's voice detector, and floors under which nothing is voice: by the noise, and by the voice itself."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_STRICTEST)
        self._loudest_dbfs = self._before_dbfs = -100.0
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
        floor_dbfs = max(_SILENCE_DBFS, self._noise_dbfs(level_dbfs) + _OVER_FLOOR_DB)
        if is_voice:
            # Of two frames the softer: a click is no voice.
            loud_dbfs = min(level_dbfs, self._before_dbfs)
            self._loudest_dbfs = max(self._loudest_dbfs - _FORGOTTEN_DB, loud_dbfs)
            floor_dbfs = max(floor_dbfs, self._loudest_dbfs - _UNDER_LOUDEST_DB)
        self._before_dbfs = level_dbfs
        return is_voice and level_dbfs > floor_dbfs

    def _noise_dbfs(self, level_dbfs: float) -> float:
        if self._frames == _FRAMES_A_PART:
            self._softest_dbfs.append(0.0)
            self._frames = 0
        self._frames += 1
        self._softest_dbfs[-1] = min(self._softest_dbfs[-1], level_dbfs)
        return min(self._softest_dbfs)
