"""Recordings made on the spot: known signals, encoded with FFmpeg in every format that is taken."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise

import av
import numpy as np

RATE_HZ = 44_100


@dataclass(frozen=True)
class Format:
    """How a test file is made, and what is expected of it.

    Args:
        muxer, codec: FFmpeg's names.
        rate_hz, channels: of the file.
        container: what the server calls it.
        distance_db: the spectral distance that its codec is allowed.
        extra_ms: what the format itself may add to the length (priming and padding that it does not record).
        lag_ms: by how much the format itself may shift the sound.
    """

    muxer: str
    codec: str
    rate_hz: int
    channels: int
    container: str
    distance_db: float
    extra_ms: float = 0.0
    lag_ms: float = 0.2

    def __str__(self) -> str:
        return f"{self.muxer}-{self.codec}-{self.rate_hz}"


FORMATS = (
    Format("wav", "pcm_s16le", 44_100, 2, "WAV", 0.7),
    Format("wav", "pcm_s16le", 8_000, 1, "WAV", 0.7),
    Format("wav", "pcm_u8", 22_050, 1, "WAV", 0.7),
    Format("wav", "pcm_s24le", 48_000, 2, "WAV", 0.7),
    Format("wav", "pcm_s32le", 96_000, 2, "WAV", 0.7),
    Format("wav", "pcm_f32le", 48_000, 1, "WAV", 0.7),
    Format("wav", "pcm_alaw", 8_000, 1, "WAV", 0.7),
    Format("wav", "pcm_mulaw", 8_000, 1, "WAV", 0.7),
    Format("flac", "flac", 44_100, 2, "FLAC", 0.7),
    Format("mp3", "libmp3lame", 44_100, 2, "MP3", 0.7),
    Format("ogg", "libopus", 48_000, 1, "OGG", 0.7),
    Format("ogg", "vorbis", 44_100, 2, "OGG", 0.7, extra_ms=2.0),
    Format("ogg", "flac", 44_100, 1, "OGG", 0.7),
    Format("ipod", "aac", 44_100, 2, "MP4", 0.7),
    Format("ipod", "alac", 44_100, 2, "MP4", 0.7),
    Format("adts", "aac", 44_100, 1, "AAC", 0.7, extra_ms=50.0, lag_ms=24.0),
    Format("webm", "libopus", 48_000, 1, "WebM", 0.7),
    Format("matroska", "aac", 44_100, 1, "WebM", 0.7, extra_ms=24.0),
    Format("amr", "libopencore_amrnb", 8_000, 1, "AMR", 2.0, extra_ms=20.0, lag_ms=6.0),
    Format("3gp", "libopencore_amrnb", 8_000, 1, "MP4", 2.0, extra_ms=20.0, lag_ms=6.0),
)


def tone(seconds: float, hz: float = 1_000.0, level: float = 0.3, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A sine, float32, shape (n,)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def chirp(seconds: float = 2.0, rate_hz: int = RATE_HZ, low_hz: float = 400, high_hz: float = 3_000) -> np.ndarray:
    """A rising sine, float32, shape (n,)."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    phase = 2 * np.pi * (low_hz * t + (high_hz - low_hz) * t * t / (2 * seconds))
    return (0.3 * np.sin(phase)).astype(np.float32)


def voice(seconds: float = 2.0, rate_hz: int = RATE_HZ, seed: int = 1) -> np.ndarray:
    """Something like speech: a buzz with changing vowels, syllables, a little breath; float32, shape (n,)."""
    random = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    t = np.arange(count) / rate_hz
    pitch_hz = 110 + 25 * np.sin(2 * np.pi * 0.7 * t + seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    syllable = np.repeat(random.uniform(0, 1, (round(seconds * 4) + 1, 2)), rate_hz // 4 + 1, axis=0)[:count]
    formants_hz = 350 + 500 * syllable[:, 0], 900 + 1_500 * syllable[:, 1]
    out = np.zeros(count)
    for harmonic in range(3, 30):
        hz = harmonic * pitch_hz
        gain = sum(1 / (1 + ((hz - formant) / 120) ** 2) for formant in formants_hz)
        out += gain * np.sin(harmonic * phase)
    out *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)
    out += 0.01 * random.standard_normal(count)
    return (0.3 * out / np.abs(out).max()).astype(np.float32)


def encode(
    samples: np.ndarray,
    muxer: str = "wav",
    codec: str = "pcm_s16le",
    rate_hz: int = RATE_HZ,
    channels: int = 1,
    bit_rate: int = 0,
) -> bytes:
    """Encode float samples, shape (n,) or (channels, n), given at ``rate_hz``."""
    block = np.atleast_2d(samples).astype(np.float32)
    if len(block) < channels:
        block = np.repeat(block, channels, axis=0)
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    target = io.BytesIO()
    with av.open(target, "w", format=muxer) as container:
        # FFmpeg calls its own Vorbis encoder experimental.
        options = {"strict": "experimental"} if codec == "vorbis" else {}
        stream = container.add_stream(codec, rate=rate_hz, layout=layout, options=options)
        if bit_rate:
            stream.bit_rate = bit_rate
        size = stream.codec_context.frame_size or 4_096
        resampler = av.AudioResampler(stream.codec_context.format or "s16", layout, rate_hz, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return target.getvalue()


@cache
def in_format(kind: str, form: Format, seconds: float = 2.0) -> bytes:
    """A ``chirp`` or a ``voice`` in a format."""
    make = chirp if kind == "chirp" else voice
    bit_rate = 12_200 if "amr" in form.codec else 128_000
    lossy = not form.codec.startswith(("pcm", "flac", "alac"))
    samples = make(seconds, form.rate_hz)
    return encode(samples, form.muxer, form.codec, form.rate_hz, form.channels, bit_rate if lossy else 0)


def spectral_distance_db(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two telephone signals' short-time spectra, in dB.

    24 bands from 300 to 3,300 Hz, frames of 64 ms; bands more than 25 dB under their frame's loudest are not
    heard and do not count; differences in level and in time do not either.
    """
    shift = round(lag_ms(one, other) * 8)
    one, other = one[max(0, -shift) :], other[max(0, shift) :]
    count = min(len(one), len(other))
    levels = [_band_levels(np.asarray(signal[:count], np.float64)) for signal in (one, other)]
    counted = levels[0] > levels[0].max(axis=1, keepdims=True) - 25
    counted &= levels[0] > levels[0].max() - 40
    difference = (levels[1] - levels[0])[counted]
    return float(np.abs(difference - np.median(difference)).mean())


def _band_levels(signal: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(signal, 512)[::256]
    power = np.abs(np.fft.rfft(frames * np.hanning(512), axis=1)) ** 2
    edges = np.round(np.geomspace(300, 3_300, 25) * 512 / 8_000).astype(int)
    bands = [power[:, low : max(high, low + 1)].sum(axis=1) for low, high in pairwise(edges)]
    return 10 * np.log10(np.array(bands).T + 1e-9)


def lag_ms(reference: np.ndarray, signal: np.ndarray) -> float:
    """By how much a signal comes after its reference, both 8,000 a second."""
    size = 1 << (len(reference) + len(signal)).bit_length()
    spectrum = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(reference, size))
    at = int(np.argmax(np.abs(np.fft.irfft(spectrum, size))))
    return (at if at < size // 2 else at - size) / 8
