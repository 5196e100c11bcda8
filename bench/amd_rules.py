"""The rules of Asterisk's AMD as its documentation gives them, with the values of its sample configuration.

A baseline, written from the documentation alone: amd.conf.sample, and the reference of the application AMD().
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from portevoix.audio.answering.heard import Decision
from portevoix.audio.g711 import alaw_decode

INITIAL_SILENCE_MS = 2_500
GREETING_MS = 1_500
AFTER_GREETING_SILENCE_MS = 800
TOTAL_ANALYSIS_MS = 5_000
MIN_WORD_MS = 100
BETWEEN_WORDS_MS = 50
MAX_WORDS = 3
MAX_WORD_MS = 5_000
SILENCE_THRESHOLD = 256
FRAME_MS = 20


class Judged(NamedTuple):
    """Who the rules say has answered, and when they say it."""

    decision: Decision
    at_ms: int


def judge(alaw: bytes) -> Judged:
    """Judge a call."""
    frames = np.abs(alaw_decode(alaw[: len(alaw) // 160 * 160]).astype(np.int32)).reshape(-1, 160).mean(axis=1)
    silence_ms = word_ms = voice_ms = words = 0
    has_greeted, in_word = False, False
    for number, level in enumerate(frames.tolist(), 1):
        at_ms = number * FRAME_MS
        if at_ms >= TOTAL_ANALYSIS_MS:
            return Judged(Decision.UNSURE, at_ms)
        if level < SILENCE_THRESHOLD:
            silence_ms += FRAME_MS
            if silence_ms >= BETWEEN_WORDS_MS:
                in_word, word_ms = False, 0
            if has_greeted and silence_ms >= AFTER_GREETING_SILENCE_MS:
                return Judged(Decision.PERSON, at_ms)
            if not has_greeted and silence_ms >= INITIAL_SILENCE_MS:
                return Judged(Decision.MACHINE, at_ms)
            continue
        silence_ms = 0
        word_ms += FRAME_MS
        voice_ms += FRAME_MS
        if word_ms >= MIN_WORD_MS and not in_word:
            in_word, has_greeted, words = True, True, words + 1
        if words >= MAX_WORDS or word_ms >= MAX_WORD_MS or (has_greeted and voice_ms >= GREETING_MS):
            return Judged(Decision.MACHINE, at_ms)
    return Judged(Decision.UNSURE, len(frames) * FRAME_MS)
