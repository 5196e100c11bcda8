"""How fast audio and speech are, whole path, beside the commands that people would use otherwise.

``python -m bench.audio`` prints the rows; ``measure()`` gives them. The baselines run in the same run, on the
same input, and are left out where a command is not installed.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from portevoix.audio.sandbox import JobModule, Sandbox
from portevoix.audio.upload import Uploads
from portevoix.domain.audio import AudioTooLong
from portevoix.domain.speech import Utterance
from portevoix.speech.cache import CachedSpeech
from portevoix.speech.espeak import EspeakSpeech

MODULES = (JobModule("portevoix.audio.jobs"), JobModule("portevoix.speech.jobs"))
TEXT = (
    "Bonjour madame Durand. Votre rendez-vous du 12/03/2026 à 14h30 est confirmé. Merci de venir dix minutes "
    "en avance avec votre carte vitale et 12,50 € pour la consultation, dossier n° {:03d}."
)
SPOKEN = 60
RATE_HZ = 44_100


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Args:
        name: what was measured.
        value: the figure.
        unit: its unit.
        target: what it should be, as a person reads it; empty for a baseline.
    """

    name: str
    value: float
    unit: str
    target: str = ""

    def __str__(self) -> str:
        wanted = f"   (wanted: {self.target})" if self.target else ""
        return f"{self.name:<58} {self.value:>10.4g} {self.unit}{wanted}"


def measure() -> list[Row]:
    """Measure everything; about twenty seconds."""
    return [*asyncio.run(_measure()), *_baselines()]


async def _measure() -> list[Row]:
    starts = []
    for _ in range(3):
        began = time.perf_counter()
        async with Sandbox(MODULES):
            starts.append(time.perf_counter() - began)
    async with Sandbox(MODULES) as sandbox:
        speech = await _speech(sandbox)
        uploads = await _uploads(sandbox)
    async with Sandbox(MODULES) as sandbox:
        bomb = await _bomb(sandbox)
    return [Row("sandbox: start", statistics.median(starts), "s", "under 0.5"), *speech, *uploads, *bomb]


async def _speech(sandbox: Sandbox) -> list[Row]:
    engine = EspeakSpeech(sandbox)
    texts = [TEXT.format(number) for number in range(SPOKEN)]
    took, played = [], []
    for text in texts:
        began = time.perf_counter()
        audio = await engine.speak(Utterance(text))
        took.append(time.perf_counter() - began)
        played.append(float(audio.duration_s))
    cached = CachedSpeech(engine)
    await cached.speak(Utterance(texts[0]))
    again = [await _timed(lambda: cached.speak(Utterance(texts[0]))) for _ in range(SPOKEN)]
    characters = f"{len(texts[0])} characters"
    return [
        Row(f"speech: {characters}, whole path", sum(played) / sum(took), "× real time", "200 or more"),
        Row(f"speech: {characters}, median", 1_000 * statistics.median(took), "ms"),
        Row(f"speech: {characters}, p95 warm", 1_000 * _p95(took), "ms", "under 60"),
        Row("speech: cached, p95", 1_000 * _p95(again), "ms", "under 5"),
    ]


async def _uploads(sandbox: Sandbox) -> list[Row]:
    uploads = Uploads(sandbox)
    rows = []
    for name, data, duration_s, target in (
        ("WAV 44.1 kHz stereo", encoded(100, "wav", "pcm_s16le", 2), 100, "30 or more"),
        ("MP3 128 kb/s stereo", encoded(100, "mp3", "libmp3lame", 2), 100, "2 or more"),
    ):
        took = statistics.median([await _timed(partial(uploads.receive, data)) for _ in range(5)])
        rows += [
            Row(f"upload: {name}", len(data) / 1e6 / took, "MB/s", target),
            Row(f"upload: {name}", duration_s / took, "× real time", "100 or more"),
        ]
    longest = encoded(599, "mp3", "libmp3lame", 1)
    took = await _timed(partial(uploads.receive, longest))
    before = _resident_bytes()
    for _ in range(6):
        await uploads.receive(longest)
    grown = _resident_bytes() - before
    return [
        *rows,
        Row("upload: MP3 of ten minutes", took, "s"),
        Row("sandbox: memory of a job at its peak", sandbox.peak_bytes / 1e6, "MB", "under 200"),
        Row("server: memory gained over six more of these", grown / 1e6, "MB", "flat"),
    ]


async def _bomb(sandbox: Sandbox) -> list[Row]:
    """Hours of a constant tone in a small file: as much work as the duration limit allows, then refused."""
    bomb = encoded(1_800, "mp3", "libmp3lame", 1, bit_rate=8_000, rate_hz=8_000)
    began = time.perf_counter()
    try:
        await Uploads(sandbox).receive(bomb)
    except AudioTooLong:
        took = time.perf_counter() - began
    return [Row(f"upload: a bomb of {len(bomb) / 1e6:.1f} MB is refused in", took, "s", "under 10")]


def _baselines() -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        wav, mp3, out = (Path(folder) / name for name in ("in.wav", "in.mp3", "out.wav"))
        wav.write_bytes(encoded(100, "wav", "pcm_s16le", 2))
        mp3.write_bytes(encoded(100, "mp3", "libmp3lame", 2))
        text = TEXT.format(1)
        if shutil.which("espeak-ng"):
            took = _run("espeak-ng", "-v", "fr", "-w", str(out), text)
            played = (out.stat().st_size - 44) / 2 / 22_050
            rows.append(
                Row("baseline: espeak-ng command to a WAV of its own rate", played / took, "× real time")
            )
        if shutil.which("sox"):
            took = _run("sox", str(wav), "-r", "8000", "-c", "1", "-e", "a-law", str(out), "sinc", "200-3400")
            rows.append(Row("baseline: sox, the same WAV to A-law", 100 / took, "× real time"))
        if shutil.which("ffmpeg"):
            shaped = ("-ar", "8000", "-ac", "1", "-af", "highpass=200,lowpass=3400", "-c:a", "pcm_alaw")
            took = _run("ffmpeg", "-v", "error", "-y", "-threads", "1", "-i", str(mp3), *shaped, str(out))
            rows.append(Row("baseline: ffmpeg, the same MP3 to A-law", 100 / took, "× real time"))
    return rows


def encoded(
    seconds: int, muxer: str, codec: str, channels: int, bit_rate: int = 128_000, rate_hz: int = RATE_HZ
) -> bytes:
    """A recording of something like speech: a buzz that comes and goes, with noise under it."""
    random = np.random.default_rng(1)
    target = io.BytesIO()
    with av.open(target, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate_hz, layout="stereo" if channels == 2 else "mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bit_rate
        second = _second(rate_hz)
        for _ in range(seconds):
            noisy = second + 300 * random.standard_normal(rate_hz)
            pcm = np.repeat(noisy.astype(np.int16), channels).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, "s16", stream.layout.name)
            frame.sample_rate = rate_hz
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def _second(rate_hz: int) -> npt.NDArray[np.float64]:
    t = np.arange(rate_hz) / rate_hz
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * t) / harmonic for harmonic in range(2, 25))
    return np.asarray(4_000 * buzz * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)), np.float64)


async def _timed(action: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


def _run(*command: str) -> float:
    """The median of five runs of a command, in seconds."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


if __name__ == "__main__":
    print(*measure(), sep="\n")
