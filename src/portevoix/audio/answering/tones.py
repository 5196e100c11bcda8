"""Tones: stretches of sound that keep one frequency and one level."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from portevoix.audio.answering.words import FRAME_MS

_WINDOW_MS = 40
_DRIFT_HZ = 14.0
_STEADY_DB = 6.0
_MOST_GAP_FRAMES = 1
_SETTLED_FRAMES = 8  # of which the frequency is a mean
_FEWEST_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone that was heard.

    Its ends are known to 20 ms: a window that is half silence may be pure, or not.

    Args:
        level_dbfs: of its loudest 20 ms.
    """

    start_ms: int
    end_ms: int
    frequency_hz: float
    level_dbfs: float

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


class ToneTracker:
    """Follows one tone at a time.

    Args:
        min_ms: shorter ones are not told.
    """

    def __init__(self, min_ms: int) -> None:
        # Of a tone's first and last 20 ms no window is pure.
        self._enough = max(_FEWEST_FRAMES, (min_ms - _WINDOW_MS) // FRAME_MS + 1)
        self._levels: deque[float] = deque(maxlen=self._enough)
        self._forget()

    def _forget(self) -> None:
        self.frames = 0
        """Of what may become a tone, or is one."""
        self._gap = 0
        self._frequency_hz = 0.0
        self._start_ms = 0
        self._loudest_dbfs = -100.0
        self.is_steady = False
        """Whether it is one."""
        self._levels.clear()

    def current(self, at_ms: int) -> Tone | None:
        """The tone that is still heard."""
        if not self.is_steady:
            return None
        return Tone(self._start_ms, at_ms - FRAME_MS * self._gap, self._frequency_hz, self._loudest_dbfs)

    def hear(self, at_ms: int, frequency_hz: float | None, level_dbfs: float) -> Tone | None:
        """Take 20 ms; returns a tone that has ended.

        Args:
            at_ms: their end.
            frequency_hz: of the 40 ms that end with them; ``None`` where they are no tone.
            level_dbfs: of the 40 ms.
        """
        ended = None
        if frequency_hz is None:
            if self.frames:
                self._gap += 1
                if self._gap > _MOST_GAP_FRAMES:
                    ended = self.current(at_ms)
                    self._forget()
            return ended
        if self.frames and abs(frequency_hz - self._frequency_hz) > _DRIFT_HZ:
            ended = self.current(at_ms - FRAME_MS)
            self._forget()
        self._grow(at_ms, frequency_hz, level_dbfs)
        return ended

    def _grow(self, at_ms: int, frequency_hz: float, level_dbfs: float) -> None:
        if not self.frames:
            self._start_ms, self._frequency_hz = max(0, at_ms - _WINDOW_MS), frequency_hz
        self.frames += 1
        self._gap = 0
        self._frequency_hz += (frequency_hz - self._frequency_hz) / min(self.frames, _SETTLED_FRAMES)
        self._levels.append(level_dbfs)
        self._loudest_dbfs = max(self._loudest_dbfs, level_dbfs)
        # A vowel may keep its pitch as long; it does not keep its level.
        if not self.is_steady and len(self._levels) == self._enough:
            self.is_steady = max(self._levels) - min(self._levels) < _STEADY_DB
