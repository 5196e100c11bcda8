"""Whether 40 ms of sound are one pure tone, or two: by their spectrum."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from portevoix.domain.audio import RATE_HZ

Window = npt.NDArray[np.float32]
_Power = npt.NDArray[np.floating]
WINDOW_SAMPLES = 320  # 40 ms

_STEP_HZ = RATE_HZ / WINDOW_SAMPLES
_SHAPE = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
# Everything counts as energy but mains hum; tones are sought where telephones have them.
_LOW, _HIGH = round(150 / _STEP_HZ), round(3_800 / _STEP_HZ)
_FIRST, _LAST = round(375 / _STEP_HZ), round(2_700 / _STEP_HZ)
# A pure tone under a Hann window is within two steps of its peak.
_REACH = 2
_ONE_TONE = 0.82
_TWO_TONES = 0.86
_STRONGER_OF_TWO = 0.42

# ITU-T Q.23. Keys that somebody presses are no beep.
_KEYS_LOW_HZ = (697, 770, 852, 941)
_KEYS_HIGH_HZ = (1_209, 1_336, 1_477, 1_633)
_KEYS_TOLERANCE = 0.02


def pure_tone_hz(window: Window) -> float | None:
    """Tell the frequency of a tone; of two at once the lower; ``None`` where it is no tone, or a telephone's key.

    Args:
        window: 320 samples, of any scale.
    """
    spectrum = np.fft.rfft(window * _SHAPE)
    power = spectrum.real**2 + spectrum.imag**2
    total = float(power[_LOW:_HIGH].sum())
    peak = int(power[_FIRST:_LAST].argmax()) + _FIRST
    share = float(power[peak - _REACH : peak + _REACH + 1].sum())
    if share >= _ONE_TONE * total > 0:
        return _interpolated_hz(power, peak)
    if not share >= _STRONGER_OF_TWO * total > 0:
        return None
    return _lower_of_two_hz(power, peak, _TWO_TONES * total - share)


def _lower_of_two_hz(power: _Power, peak: int, least: float) -> float | None:
    """Look for a second tone beside the first, with ``least`` energy in it."""
    rest = power[: _LAST + _REACH + 1].copy()
    rest[:_FIRST] = 0
    rest[peak - 2 * _REACH : peak + 2 * _REACH + 1] = 0
    second = int(rest.argmax())
    if float(rest[second - _REACH : second + _REACH + 1].sum()) < least:
        return None
    low_hz, high_hz = sorted((_interpolated_hz(power, peak), _interpolated_hz(power, second)))
    return None if _is_key(low_hz, high_hz) else low_hz


def _interpolated_hz(power: _Power, peak: int) -> float:
    """Find a peak between the steps: by a parabola through its logarithms."""
    before, at, after = (math.log(float(value) + 1e-9) for value in power[peak - 1 : peak + 2])
    bend = before - 2 * at + after
    return (peak + (0.5 * (before - after) / bend if bend else 0.0)) * _STEP_HZ


def _is_key(low_hz: float, high_hz: float) -> bool:
    return _near(low_hz, _KEYS_LOW_HZ) and _near(high_hz, _KEYS_HIGH_HZ)


def _near(frequency_hz: float, known_hz: tuple[int, ...]) -> bool:
    return any(abs(frequency_hz - each) <= _KEYS_TOLERANCE * each for each in known_hz)
