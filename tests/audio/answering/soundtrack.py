"""What is heard of a call, written like a script, and what the analyser tells of it.

Parts are parted by commas; times in milliseconds, frequencies in hertz:

    silent 400, say 800, silent 2000, tone 1000 400, tone 480+620 500, noise 300
"""

from __future__ import annotations

import numpy as np
from recordings import voice

from portevoix.audio.answering.analyser import Analyser
from portevoix.audio.answering.heard import Heard, Verdict
from portevoix.audio.answering.terms import Terms
from portevoix.audio.condition import to_pcm16
from portevoix.audio.g711 import alaw_encode

RATE_HZ = 8_000
SPEECH = 0.15
TONE = 0.2
NOISE = 0.02
LINE = 0.0005


def alaw(script: str, *, tone_level: float = TONE, noise_level: float = LINE) -> bytes:
    """Make what a script says into A-law, over a line with a little noise."""
    parts = [_part(*part.split(), tone_level=tone_level) for part in script.split(",")]
    samples = np.concatenate(parts)
    samples += noise_level * np.random.default_rng(1).standard_normal(len(samples))
    return alaw_encode(to_pcm16(samples.astype(np.float32)))


def _part(name: str, *figures: str, tone_level: float) -> np.ndarray:
    count = int(figures[-1]) * RATE_HZ // 1_000
    t = np.arange(count) / RATE_HZ
    match name:
        case "silent":
            return np.zeros(count)
        case "say":
            said = voice(count / RATE_HZ, RATE_HZ).astype(float)
            return said * SPEECH / np.sqrt(np.mean(said**2))
        case "tone":
            waves = [np.sin(2 * np.pi * float(hz) * t) for hz in figures[0].split("+")]
            return tone_level * np.sum(waves, axis=0)
        case "reversed":  # the phase turns round every 450 ms
            turns = np.where(np.arange(count) // 3_600 % 2, -1, 1)
            return tone_level * turns * np.sin(2 * np.pi * float(figures[0]) * t)
        case "bell":  # it fades by 120 dB a second
            return tone_level * 10 ** (-6 * t) * np.sin(2 * np.pi * float(figures[0]) * t)
        case "noise":
            return NOISE * np.random.default_rng(2).standard_normal(count)
    raise AssertionError(f"no such part: {name}")


def hear(script: str, terms: Terms | None = None, **levels: float) -> list[Heard]:
    """Have the analyser hear a script, 20 ms at a time."""
    return listen(alaw(script, **levels), terms)[0]


def judge(script: str, terms: Terms | None = None) -> Verdict:
    """Tell what the analyser sums a script up to."""
    return listen(alaw(script), terms)[1]


def listen(sound: bytes, terms: Terms | None = None, step: int = 160) -> tuple[list[Heard], Verdict]:
    """Have the analyser hear A-law, some bytes at a time."""
    analyser = Analyser(terms)
    heard = [one for start in range(0, len(sound), step) for one in analyser.hear(sound[start : start + step])]
    return heard, analyser.verdict()


def of(heard: list[Heard], kind: type) -> list:
    """Those of one kind."""
    return [one for one in heard if isinstance(one, kind)]
