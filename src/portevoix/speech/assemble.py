"""What an engine said, made into one message for the telephone. In the sandbox only.

Every engine's audio goes through here, so pauses, loudness and band are the same whichever speaks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import soxr

from portevoix.audio.condition import amplify, limit_band, loudness_gain_db, to_pcm16
from portevoix.audio.g711 import alaw_encode
from portevoix.domain.audio import ALAW_SILENCE, RATE_HZ
from portevoix.domain.speech import SpeechFailed, TextTooLong
from portevoix.speech.text import PAUSE_SAMPLES

Samples = npt.NDArray[np.float32]

_PAUSE = bytes([ALAW_SILENCE]) * PAUSE_SAMPLES
# An engine's own silence at the ends of a segment: under 16 of 32,768, or 50 dB under its peak.
_FLOOR = 16 / 32_768
_UNDER_PEAK = 10 ** (-50 / 20)


def assemble(parts: Iterable[tuple[Samples, int, int]], duration_s: int) -> bytes:
    """Join segments and their pauses to A-law.

    Each segment loses the silence at its ends, so that a pause is as long as its commas say, and one gain
    brings the whole message to its loudness, so that no segment is louder than the next.

    Args:
        parts: samples, shape (n,), full scale ±1; their rate in Hz; the pauses after them.
        duration_s: the most that the message may last.

    Raises:
        TextTooLong: it lasts longer.
        SpeechFailed: there is nothing to hear in it.
    """
    left = duration_s * RATE_HZ
    joined: list[tuple[Samples, int]] = []
    for samples, rate_hz, pauses in parts:
        segment = limit_band(_at_telephone_rate(_without_silence(samples), rate_hz))
        left -= len(segment) + pauses * PAUSE_SAMPLES
        if left < 0:
            raise TextTooLong(f"the text speaks for more than {duration_s} s")
        joined.append((segment, pauses))
    voiced = np.concatenate([segment for segment, _ in joined])
    if not len(voiced):
        raise SpeechFailed("the voice said nothing")
    gain_db = loudness_gain_db(voiced)
    return b"".join(alaw_encode(to_pcm16(amplify(segment, gain_db))) + pauses * _PAUSE for segment, pauses in joined)


def _without_silence(samples: Samples) -> Samples:
    if not len(samples):
        return samples
    magnitude = np.abs(samples)
    heard = np.flatnonzero(magnitude > max(_FLOOR, float(magnitude.max()) * _UNDER_PEAK))
    return samples[heard[0] : heard[-1] + 1] if len(heard) else samples[:0]


def _at_telephone_rate(samples: Samples, rate_hz: int) -> Samples:
    if rate_hz == RATE_HZ or not len(samples):
        return samples
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ"), np.float32)
