"""The audio room's jobs, as the sandbox runs them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from portevoix.audio.condition import amplify, limit_band, loudness_gain_db, to_pcm16, trim_silence
from portevoix.audio.decode import decode
from portevoix.audio.g711 import alaw_encode
from portevoix.domain.audio import RATE_HZ, AudioEmpty, AudioRefused


def receive(arguments: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Turn an uploaded file into telephone audio, and report what was done to it."""
    samples, source = decode(body, arguments["duration_s"])
    source_samples = len(samples)
    samples = limit_band(samples)
    trimmed = trim_silence(samples)
    if not len(trimmed.samples):
        raise AudioEmpty("the recording is silent")
    gain_db = loudness_gain_db(trimmed.samples)
    report = {
        **asdict(source),
        "source_samples": source_samples,
        "trimmed_start_samples": trimmed.start_samples,
        "trimmed_end_samples": trimmed.end_samples,
        "gain_db": round(gain_db, 1),
    }
    return report, alaw_encode(to_pcm16(amplify(trimmed.samples, gain_db)))


JOBS = {"audio.receive": receive}


def warm_up(_settings: Mapping[str, Any]) -> None:
    """Run the whole path once: what is imported on first use is then there for every child."""
    tone = struct.pack("<800h", *((8_000, -8_000) * 400))
    header = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16, b"data", len(tone))
    for data in (b"RIFF" + struct.pack("<I", 4 + len(header) + len(tone)) + b"WAVE" + header + tone, b"fLaC"):
        try:
            receive({"duration_s": 1}, data)
        except AudioRefused:
            continue  # the second is refused on purpose, to have that path warm too
