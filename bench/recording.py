"""Recordings made on the spot, the same bytes each time."""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt

_VOICE = 4_000
_NOISE = 300


@dataclass(frozen=True, slots=True)
class Recording:
    """How a recording is made.

    Args:
        muxer, codec: FFmpeg's names.
        layout: FFmpeg's name of the channels.
        bit_rate: where the codec takes one.
        silent: nothing but zeros, instead of something like speech.
    """

    seconds: int
    muxer: str
    codec: str
    layout: str
    rate_hz: int = 44_100
    bit_rate: int = 128_000
    silent: bool = False

    def encoded(self) -> bytes:
        """Encode it; what is not silent is a buzz that comes and goes, with noise over it."""
        random = np.random.default_rng(1)
        voice = _voice(self.rate_hz)
        target = io.BytesIO()
        with av.open(target, "w", format=self.muxer) as container:
            stream = container.add_stream(self.codec, rate=self.rate_hz, layout=self.layout)
            assert isinstance(stream, av.AudioStream), "each codec here is one of audio"
            stream.bit_rate = self.bit_rate
            for _ in range(self.seconds):
                second = 0 * voice if self.silent else voice + _NOISE * random.standard_normal(self.rate_hz)
                pcm = np.repeat(second.astype(np.int16), stream.layout.nb_channels).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(pcm, "s16", self.layout)
                frame.sample_rate = self.rate_hz
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return target.getvalue()


def _voice(rate_hz: int) -> npt.NDArray[np.float64]:
    t = np.arange(rate_hz) / rate_hz
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * t) / harmonic for harmonic in range(2, 25))
    return np.asarray(_VOICE * buzz * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * t)), np.float64)
