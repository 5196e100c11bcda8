"""The analyser of a call's first seconds: who answered, and when a message may begin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from portevoix.audio.answering.deciding import Deciding
from portevoix.audio.answering.heard import Heard, Verdict
from portevoix.audio.answering.signals import Signal, Signals
from portevoix.audio.answering.spectrum import WINDOW_SAMPLES, Window, pure_tone_hz
from portevoix.audio.answering.terms import Terms
from portevoix.audio.answering.tones import ToneTracker
from portevoix.audio.answering.vad import VoiceDetector
from portevoix.audio.answering.words import FRAME_MS, Words
from portevoix.audio.g711 import alaw_decode
from portevoix.domain.audio import RATE_HZ

FRAME_BYTES = RATE_HZ * FRAME_MS // 1_000

_PCM_OF = alaw_decode(bytes(range(256)))
_FULL_SCALE = 32_768.0**2
_NOTHING = 1e-10  # -100 dBFS
_SOFTEST_TONE_DBFS = -47.0


class Analyser:
    """Listens to one call, from its answer on. Its memory does not grow.

    Args:
        terms: what it judges by.
    """

    def __init__(self, terms: Terms | None = None) -> None:
        terms = terms or Terms()
        self._rest = b""
        self._at_ms = 0
        self._window = np.zeros(WINDOW_SAMPLES, np.float32)
        self._energy_before = 0.0
        self._vad = VoiceDetector()
        self._tracker = ToneTracker(terms.min_beep_ms)
        self._signals = Signals(terms)
        self._words = Words(terms)
        self._deciding = Deciding(terms, self._words)

    def hear(self, alaw: bytes) -> Sequence[Heard]:
        """Listen on; returns what is known by now that was not before.

        Args:
            alaw: what the far end said next, of any length; 160 bytes are 20 ms. What was lost on the way is given as
                silence, or times come out too early.
        """
        if self._rest:
            alaw = self._rest + alaw
        whole = len(alaw) - len(alaw) % FRAME_BYTES
        self._rest = alaw[whole:]
        heard: list[Heard] = []
        for start in range(0, whole, FRAME_BYTES):
            if self._deciding.is_over:
                break
            heard += self._frame(alaw[start : start + FRAME_BYTES])
        return heard

    def verdict(self) -> Verdict:
        """Sum up what is known by now."""
        return self._deciding.verdict()

    def _frame(self, alaw: bytes) -> Sequence[Heard]:
        self._at_ms += FRAME_MS
        pcm = _PCM_OF[np.frombuffer(alaw, np.uint8)]
        samples = pcm.astype(np.float32)
        energy = float(samples @ samples)
        level_dbfs = _level_dbfs(energy, FRAME_BYTES)
        signal = self._tone(samples, energy, level_dbfs)
        is_voice = self._vad.is_voice(pcm.tobytes(), level_dbfs)
        if self._tracker.is_steady:
            word = self._words.hear_tone(self._at_ms)
        else:
            word = self._words.hear(self._at_ms, is_voice=is_voice)
        heard: list[Heard] = [] if word is None else [word]
        if signal is not None:
            heard += self._deciding.hear_signal(self._at_ms, signal)
        is_tone = self._tracker.frames > 0 or self._signals.awaits_silence
        return heard + self._deciding.hear(self._at_ms, is_tone=is_tone)

    def _tone(self, samples: Window, energy: float, level_dbfs: float) -> Signal | None:
        half = FRAME_BYTES
        self._window[:half] = self._window[half:]
        self._window[half:] = samples
        both_dbfs = _level_dbfs(energy + self._energy_before, 2 * half)
        self._energy_before = energy
        frequency_hz = pure_tone_hz(self._window) if both_dbfs > _SOFTEST_TONE_DBFS else None
        ended = self._tracker.hear(self._at_ms, frequency_hz, both_dbfs)
        return self._signals.hear(self._at_ms, ended, self._tracker, level_dbfs)


def _level_dbfs(energy: float, count: int) -> float:
    return 10 * math.log10(energy / (count * _FULL_SCALE) + _NOTHING)
