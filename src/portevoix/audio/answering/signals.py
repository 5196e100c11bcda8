"""What tones mean: a beep, a busy tone, a special information tone, a fax."""

from __future__ import annotations

from collections import deque

from portevoix.audio.answering.heard import Beep, Busy, Fax, Sit
from portevoix.audio.answering.terms import Terms
from portevoix.audio.answering.tones import Tone, ToneTracker

Signal = Beep | Busy | Sit | Fax

# ITU-T E.180: busy and congestion tones are of 400 to 450 Hz (France 440; 480 + 620 in North America), and come and
# go with a period of 300 to 1,100 ms.
_BUSY_HZ = (385.0, 495.0)
_BUSY_PERIOD_MS = (280, 1_200)
_BUSY_LONGEST_MS = 620
_REGULAR_MS = 60
_SAME_HZ = 20.0

# ITU-T E.180: three tones of 330 ± 70 ms, each within 50 Hz, at most 30 ms apart. North American ones have 274 ms too.
_SIT_HZ = (950.0, 1_400.0, 1_800.0)
_SIT_TOLERANCE_HZ = 60.0
_SIT_TONE_MS = (200, 480)
_SIT_GAP_MS = 80

# ITU-T T.30, 4.3.3.1: CED is 2,100 ± 15 Hz for 2.6 to 4 s. ITU-T V.8: in ANSam its phase is reversed every 450 ms.
_CED_HZ = (2_070.0, 2_130.0)
_CED_ENOUGH_MS = 1_200
_CED_GAP_MS = 120
# ITU-T T.30, 4.3.3.2: CNG is 1,100 ± 38 Hz, 0.5 s long and 3 s apart, each within 15 %.
_CNG_HZ = (1_050.0, 1_150.0)
_CNG_TONE_MS = (400, 600)
_CNG_PERIOD_MS = (2_900, 4_150)

_LOUD_UNDER_BEEP_DB = 5.0
_MOST_LOUD_FRAMES = 3
_TONE_AGAIN_FRAMES = 3


class Signals:
    """Recognises signals by their tones, one after the other.

    Args:
        terms: a beep's length, and the silence after it.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._tones: deque[Tone] = deque(maxlen=3)
        self._ced_ms = 0
        self._ced_end_ms = 0
        self._beep: Tone | None = None  # one that silence must follow yet
        self._loud_frames = 0

    @property
    def awaits_silence(self) -> bool:
        """Whether something was heard that may prove a beep."""
        return self._beep is not None

    def hear(self, at_ms: int, ended: Tone | None, tracker: ToneTracker, level_dbfs: float) -> Signal | None:
        """Take 20 ms.

        Args:
            at_ms: their end.
            ended: the tone that has ended with them.
            level_dbfs: of these 20 ms.
        """
        if ended is not None:
            signal = self._tone(at_ms, ended)
            if signal is not None:
                return signal
        if tracker.frames:
            current = tracker.current(at_ms)
            if current and _within(current.frequency_hz, _CED_HZ) and self._ced(current) >= _CED_ENOUGH_MS:
                return Fax(at_ms, round(current.frequency_hz))
        if self._beep is None:
            return None
        return self._silence(at_ms, self._beep, level_dbfs, tracker.frames >= _TONE_AGAIN_FRAMES)

    def _tone(self, at_ms: int, tone: Tone) -> Signal | None:
        self._tones.append(tone)
        if _within(tone.frequency_hz, _CED_HZ):
            self._ced_ms, self._ced_end_ms = self._ced(tone), tone.end_ms
        if self._is_busy():
            return Busy(at_ms, round(tone.frequency_hz))
        if self._is_sit():
            return Sit(at_ms)
        if self._is_cng():
            return Fax(at_ms, round(tone.frequency_hz))
        if self._terms.min_beep_ms <= tone.length_ms <= self._terms.max_beep_ms:
            self._beep, self._loud_frames = tone, 0
        return None

    def _ced(self, tone: Tone) -> int:
        """How long 2,100 Hz has lasted with a tone, whose pieces a reversal of phase parts."""
        before_ms = self._ced_ms if tone.start_ms - self._ced_end_ms <= _CED_GAP_MS else 0
        return before_ms + tone.length_ms

    def _is_busy(self) -> bool:
        if len(self._tones) < 3 or not all(_within(tone.frequency_hz, _BUSY_HZ) for tone in self._tones):
            return False
        one, two, three = self._tones
        period_ms = two.start_ms - one.start_ms
        lengths_ms = [tone.length_ms for tone in self._tones]
        frequencies_hz = [tone.frequency_hz for tone in self._tones]
        return (
            _BUSY_PERIOD_MS[0] <= period_ms <= _BUSY_PERIOD_MS[1]
            and abs(three.start_ms - two.start_ms - period_ms) <= _REGULAR_MS
            and max(lengths_ms) - min(lengths_ms) <= _REGULAR_MS
            and max(frequencies_hz) - min(frequencies_hz) <= _SAME_HZ
        )

    def _is_sit(self) -> bool:
        if len(self._tones) < 3:
            return False
        one, two, three = self._tones
        return (
            all(
                abs(tone.frequency_hz - known_hz) <= _SIT_TOLERANCE_HZ
                for tone, known_hz in zip(self._tones, _SIT_HZ, strict=True)
            )
            and all(_SIT_TONE_MS[0] <= tone.length_ms <= _SIT_TONE_MS[1] for tone in self._tones)
            and max(two.start_ms - one.end_ms, three.start_ms - two.end_ms) <= _SIT_GAP_MS
        )

    def _is_cng(self) -> bool:
        if len(self._tones) < 2:
            return False
        one, two = list(self._tones)[-2:]
        return all(
            _within(tone.frequency_hz, _CNG_HZ) and _within(tone.length_ms, _CNG_TONE_MS) for tone in (one, two)
        ) and _within(two.start_ms - one.start_ms, _CNG_PERIOD_MS)

    def _silence(self, at_ms: int, tone: Tone, level_dbfs: float, is_tone_again: bool) -> Beep | None:
        """Take 20 ms after what may be a beep."""
        self._loud_frames += is_tone_again or level_dbfs > tone.level_dbfs - _LOUD_UNDER_BEEP_DB
        if self._loud_frames > _MOST_LOUD_FRAMES:
            self._beep = None
            return None
        wait_ms = self._terms.after_beep_silence_ms
        if _within(tone.frequency_hz, _BUSY_HZ) and tone.length_ms <= _BUSY_LONGEST_MS:
            # It may be a busy tone's first: long enough to hear its second.
            wait_ms = max(wait_ms, tone.length_ms + 2 * _REGULAR_MS)
        if at_ms - tone.end_ms < wait_ms:
            return None
        self._beep = None
        return Beep(at_ms, tone.start_ms, tone.end_ms, round(tone.frequency_hz))


def _within(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]
