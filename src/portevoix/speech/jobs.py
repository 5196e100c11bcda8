"""The speech room's jobs, as the sandbox runs them: espeak-ng's voice, and other engines' recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from portevoix.audio.decode import decode
from portevoix.domain.audio import RATE_HZ
from portevoix.speech.assemble import assemble
from portevoix.speech.espeak_library import Espeak
from portevoix.speech.espeak_voices import VOICES

Part = tuple[npt.NDArray[np.float32], int, int]

_NOTHING = np.zeros(0, np.int16)
_engines: list[Espeak] = []  # the one of this process, made by warm_up


def say(arguments: Mapping[str, Any], _body: bytes) -> tuple[dict[str, Any], bytes]:
    """Say segments (text, pauses) with a voice of espeak-ng; give A-law."""
    (espeak,) = _engines
    espeak.choose(arguments["voice"])
    most_samples = arguments["duration_s"] * espeak.rate_hz

    def parts() -> Iterator[Part]:
        for text, pauses in arguments["segments"]:
            # A comma in front of a pause keeps the voice up; the silence that it makes is cut off again.
            spoken = f"{text}," if pauses else text
            pcm = espeak.say(spoken, arguments["rate_percent"], most_samples) if text else _NOTHING
            yield (pcm / 32_768).astype(np.float32), espeak.rate_hz, pauses

    return {}, assemble(parts(), arguments["duration_s"])


def join(arguments: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Join recordings of segments, end to end in ``body``, to A-law; ``parts`` gives (bytes, pauses) each."""

    def parts() -> Iterator[Part]:
        start = 0
        for size, pauses in arguments["parts"]:
            recording = body[start : start + size]
            start += size
            samples = decode(recording, arguments["duration_s"])[0] if size else _NOTHING.astype(np.float32)
            yield samples, RATE_HZ, pauses

    return {}, assemble(parts(), arguments["duration_s"])


JOBS = {"speech.espeak": say, "speech.join": join}


def warm_up(_settings: Mapping[str, Any]) -> None:
    """Load espeak-ng with its default voice, and run the path once."""
    _engines.append(Espeak())
    _, default_voice, _ = VOICES[0]
    say({"voice": default_voice, "rate_percent": 100, "duration_s": 10, "segments": [("oui", 0)]}, b"")
