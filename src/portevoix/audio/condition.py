"""What is done to audio so that a telephone carries it well: band, loudness, peaks, silence at the ends.

Everything here takes and gives float samples, shape (n,), 8,000 a second, full scale ±1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from portevoix.audio.g711 import Pcm16
from portevoix.domain.audio import RATE_HZ

Samples = npt.NDArray[np.float32]

ACTIVE_LEVEL_DBFS = -20.0
"""Loudness that messages are brought to: near the level of speech on a telephone line."""
MOST_GAIN_DB = 30.0
CEILING = 0.89
"""No sample goes over this: 1 dB of headroom, so A-law's coarse top segment cannot clip."""
KEPT_SILENCE_S = 0.15

_SILENCE_DBFS = -60.0
_FRAME = 160  # 20 ms
# The telephone band is 300–3,400 Hz (ITU-T G.712); a lower edge of 200 keeps the ground of deep voices.
_BAND_HZ = (200.0, 3_400.0)
_TAPS = 401
_BLOCK = 8_192
_BLOCKS_AT_ONCE = 32
_LOOK_AHEAD = 40  # 5 ms


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Samples without the silence at their ends, and how much went."""

    samples: Samples
    start_samples: int
    end_samples: int


def _band_pass() -> npt.NDArray[np.float64]:
    """A linear-phase band-pass: windowed sinc, 401 taps, −74 dB outside its transitions."""
    offsets = np.arange(_TAPS) - (_TAPS - 1) / 2
    low, high = (2 * edge / RATE_HZ * np.sinc(2 * edge / RATE_HZ * offsets) for edge in _BAND_HZ)
    return np.asarray((high - low) * np.blackman(_TAPS), np.float64)


_RESPONSE = np.fft.rfft(_band_pass(), _BLOCK).astype(np.complex64)


def limit_band(samples: Samples) -> Samples:
    """Keep the telephone band; length and phase stay (the filter's delay is taken out).

    Overlap-save by FFT, a few blocks at a time, so ten minutes need no more memory than ten seconds.
    """
    count, step, delay = len(samples), _BLOCK - _TAPS + 1, (_TAPS - 1) // 2
    out = np.empty(count, np.float32)
    run = step * _BLOCKS_AT_ONCE
    for start in range(0, count, run):
        blocks = min(_BLOCKS_AT_ONCE, -(-(count - start) // step))
        window = np.zeros(blocks * step + _TAPS - 1, np.float32)
        first = start - (_TAPS - 1) + delay
        piece = samples[max(first, 0) : first + len(window)]
        window[max(-first, 0) :][: len(piece)] = piece
        framed = np.lib.stride_tricks.sliding_window_view(window, _BLOCK)[::step]
        filtered = np.fft.irfft(np.fft.rfft(framed, axis=1) * _RESPONSE, _BLOCK, axis=1)[:, _TAPS - 1 :]
        kept = min(blocks * step, count - start)
        out[start : start + kept] = filtered.reshape(-1)[:kept]
    return out


def _frame_levels_dbfs(samples: Samples) -> npt.NDArray[np.float64]:
    """The level of each 20 ms frame; a last short frame counts as if it were full of what it has."""
    whole = len(samples) // _FRAME
    framed = samples[: whole * _FRAME].reshape(whole, _FRAME)
    power = np.einsum("ij,ij->i", framed, framed).astype(np.float64) / _FRAME
    rest = samples[whole * _FRAME :]
    if len(rest):
        power = np.append(power, float(np.vdot(rest, rest)) / len(rest))
    return np.asarray(10 * np.log10(power + 1e-10), np.float64)


def active_level_dbfs(samples: Samples) -> float:
    """Level of the speech itself, pauses left out; −inf when there is none.

    After the idea of ITU-T P.56 (active speech level): frames more than 16 dB under the mean of those
    that are not silent do not count.
    """
    return _active_level(_frame_levels_dbfs(samples))


def _active_level(levels: npt.NDArray[np.float64]) -> float:
    heard = levels[levels > _SILENCE_DBFS]
    if not len(heard):
        return -math.inf
    threshold = _mean_dbfs(heard) - 16
    return _mean_dbfs(heard[heard > threshold])


def _mean_dbfs(levels: npt.NDArray[np.float64]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def trim_silence(samples: Samples, kept_s: float = KEPT_SILENCE_S) -> Trimmed:
    """Drop the silence at both ends but for ``kept_s``; nothing inside is touched.

    A frame is silent at 35 dB under the speech, or at −45 dBFS, whichever is higher: but never within
    20 dB of the speech, so a quiet recording is not eaten.
    """
    levels = _frame_levels_dbfs(samples)
    speech = _active_level(levels)
    if speech == -math.inf:
        return Trimmed(samples[:0], len(samples), 0)
    heard = np.flatnonzero(levels > min(max(-45.0, speech - 35), speech - 20))
    kept = round(kept_s * RATE_HZ)
    start = max(0, int(heard[0]) * _FRAME - kept)
    end = min(len(samples), (int(heard[-1]) + 1) * _FRAME + kept)
    return Trimmed(samples[start:end], start, len(samples) - end)


def loudness_gain_db(samples: Samples) -> float:
    """The gain that brings the speech to its target level; 0 when there is none, +30 dB at most."""
    speech = active_level_dbfs(samples)
    return 0.0 if speech == -math.inf else min(MOST_GAIN_DB, ACTIVE_LEVEL_DBFS - speech)


def amplify(samples: Samples, gain_db: float) -> Samples:
    """Apply a gain, then hold peaks under the ceiling."""
    return limit_peaks(samples * np.float32(10 ** (gain_db / 20)))


def limit_peaks(samples: Samples) -> Samples:
    """Turn peaks down smoothly, beginning 5 ms before them; no sample is clipped, the rest is untouched."""
    over = np.flatnonzero(np.abs(samples) > CEILING)
    if not len(over):
        return samples
    out = samples.copy()
    reach = 2 * _LOOK_AHEAD
    # Peaks whose neighbourhoods touch are handled as one stretch.
    cuts = np.flatnonzero(np.diff(over) > 2 * reach) + 1
    for stretch in np.split(over, cuts):
        start, end = max(0, int(stretch[0]) - reach), min(len(samples), int(stretch[-1]) + reach + 1)
        out[start:end] *= _peak_gain(samples[start:end])
    return out


def _peak_gain(samples: Samples) -> Samples:
    """A smooth gain, small enough at every sample: a moving minimum, then a moving average of it."""
    gain = np.minimum(1.0, CEILING / np.maximum(np.abs(samples), CEILING))
    width = 2 * _LOOK_AHEAD + 1
    padded = np.pad(gain, 2 * _LOOK_AHEAD, constant_values=1.0)
    lowest = np.lib.stride_tricks.sliding_window_view(padded, width).min(axis=1)
    window = np.hanning(width + 2)[1:-1]
    return np.convolve(lowest, window / window.sum(), "valid").astype(np.float32)


def to_pcm16(samples: Samples) -> Pcm16:
    """Round to 16 bits, shape (n,)."""
    scaled = samples * np.float32(32_768)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, -32_768, 32_767, out=scaled).astype(np.int16)
