"""Any file that is taken, decoded to one channel at 8 kHz. In the sandbox only: the bytes may be hostile.

The file streams through: memory is bounded by the duration limit, not by what a header claims.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Discard

from portevoix.audio.sniff import MP4, Container, sniff
from portevoix.domain.audio import (
    RATE_HZ,
    AudioBroken,
    AudioEmpty,
    AudioTooLong,
    AudioUnsupported,
)

Samples = npt.NDArray[np.float32]

_SOURCE_RATES_HZ = range(4_000, 192_001)
_MOST_CHANNELS = 8
_FULL_SCALE = {"s16": 32_768.0, "s32": 2_147_483_648.0, "u8": 128.0, "flt": 1.0, "dbl": 1.0}
# A damaged file is taken while at most a fifth of its packets are bad: phones do cut files short.
_BAD_SHARE = 0.2
_BAD_RUN = 50
# Floating-point files may go over full scale; this far over they are damaged, not loud.
_OVERSHOOT = 4.0
# Below this share of the channels' energy, their mean has cancelled what they hold.
_ANTIPHASE_SHARE = 0.02
# Two frames of AAC, in samples at the file's rate.
_MOST_PADDING = 2 * 1_024

av.logging.set_level(av.logging.PANIC)


@dataclass(frozen=True, slots=True)
class Source:
    """What a file was.

    Args:
        container: the file format, for people.
        codec: FFmpeg's name of the decoder.
        rate_hz: the file's own sample rate.
        channels: the file's own channel count.
        antiphase: the channels were opposed, so one was taken instead of their mean.
    """

    container: str
    codec: str
    rate_hz: int
    channels: int
    antiphase: bool


def decode(data: bytes, duration_s: int) -> tuple[Samples, Source]:
    """Decode a file to one channel at 8 kHz; length and phase are kept.

    Args:
        data: the whole file.
        duration_s: the most that it may play.

    Returns:
        Samples, shape (n,), 8,000 a second, nominally within ±1; and what the file was.

    Raises:
        AudioEmpty: no bytes, or no audio in them.
        AudioUnsupported: a format, codec, rate or channel count that is not taken.
        AudioBroken: damaged beyond use.
        AudioTooLong: over ``duration_s``.
    """
    if not data:
        raise AudioEmpty("the file is empty")
    container = sniff(data)
    samples, source, energy_share = _pass(data, container, duration_s, one_channel=False)
    if energy_share < _ANTIPHASE_SHARE:
        # Stereo in opposition (one wire swapped): the mean of its channels is silence.
        samples, source, _ = _pass(data, container, duration_s, one_channel=True)
    return samples, source


def _pass(data: bytes, container: Container, duration_s: int, one_channel: bool) -> tuple[Samples, Source, float]:
    """Decode once; also tell the share of the channels' energy that the mix kept."""
    options = {"protocol_whitelist": "", "max_streams": "8", **dict(container.options)}
    try:
        opened = av.open(io.BytesIO(data), "r", format=container.demuxer, options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        raise AudioBroken(f"the {container.name} file cannot be opened") from error
    with opened:
        stream = _audio_stream(opened, container)
        rate_hz, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        mixer = _Mixer(rate_hz, duration_s, one_channel)
        for frame in _frames(opened, stream):
            mixer.take(frame)
        samples = _without_padding(mixer.finish(), stream, container)
        if not len(samples):
            raise AudioEmpty("there is no audio in the file")
        name = stream.codec_context.name
    source = Source(container.name, name, rate_hz, channels, antiphase=one_channel)
    return samples, source, mixer.energy_share


def _without_padding(samples: Samples, stream: AudioStream, container: Container) -> Samples:
    """Cut what the encoder of an MP4 file added to fill its last frame: its edit list gives the true length.

    Nothing longer is cut: a length that says more is not to be trusted.
    """
    if container is not MP4 or not stream.duration or not stream.time_base:
        return samples
    length = math.ceil(stream.duration * stream.time_base * RATE_HZ)
    most = math.ceil(_MOST_PADDING * RATE_HZ / stream.codec_context.sample_rate)
    return samples[:length] if 0 < len(samples) - length <= most else samples


def _audio_stream(opened: av.container.InputContainer, container: Container) -> AudioStream:
    """Pick the first audio stream, have the others dropped unread, and check what it claims to be."""
    if not opened.streams.audio:
        raise AudioUnsupported("there is no audio track in the file")
    stream = opened.streams.audio[0]
    for other in opened.streams:
        if other is not stream:
            other.discard = Discard.all
    context = stream.codec_context
    if context is None or context.name not in container.codecs:
        raise AudioUnsupported(f"a codec that is not taken in {container.name} files")
    if context.sample_rate not in _SOURCE_RATES_HZ:
        raise AudioUnsupported(f"a sample rate of {context.sample_rate} Hz is not taken")
    if not 1 <= context.channels <= _MOST_CHANNELS:
        raise AudioUnsupported(f"{context.channels} channels are not taken")
    context.thread_count = 1
    return stream


def _frames(opened: av.container.InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield the frames that decode; a few bad packets are passed over, many end the file.

    Raises:
        AudioBroken: more than a fifth of the packets were bad, or none was good.
    """
    good = bad = 0
    packets = opened.demux(stream)
    while bad <= _BAD_RUN or bad <= good:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            bad += 1
            break
        if packet is None:
            break
        try:
            for frame in packet.decode():
                good += 1
                yield frame
        except av.FFmpegError:
            bad += 1
    if bad > 1 and bad > _BAD_SHARE * (good + bad):
        raise AudioBroken("the file is damaged")
    if bad and not good:
        raise AudioBroken("nothing in the file can be decoded")


class _Mixer:
    """Mixes frames to one channel and resamples them to 8 kHz as they come."""

    def __init__(self, rate_hz: int, duration_s: int, one_channel: bool) -> None:
        self._rate_hz = rate_hz
        self._left = duration_s * RATE_HZ
        self._duration_s = duration_s
        self._one_channel = one_channel
        self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
        self._pieces: list[Samples] = []
        self._channels_energy = 0.0
        self._mix_energy = 0.0

    @property
    def energy_share(self) -> float:
        """The mix's energy against the mean of the channels': 1 where they agree, 0 where they cancel."""
        return self._mix_energy / self._channels_energy if self._channels_energy > 0 else 1.0

    def take(self, frame: AudioFrame) -> None:
        """Add one frame.

        Raises:
            AudioBroken: the sample rate changes inside the file.
            AudioTooLong: the limit is passed.
        """
        if frame.sample_rate != self._rate_hz:
            raise AudioBroken("the sample rate changes inside the file")
        channels = _linear(frame)
        mix = channels[0] if self._one_channel or len(channels) == 1 else channels.mean(axis=0)
        self._mix_energy += float(np.vdot(mix, mix))
        self._channels_energy += float(np.vdot(channels, channels)) / len(channels)
        self._keep(self._resampler.resample_chunk(np.ascontiguousarray(mix)))

    def finish(self) -> Samples:
        """Give all samples, shape (n,)."""
        self._keep(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.float32)

    def _keep(self, piece: Samples) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise AudioTooLong(f"the recording is longer than {self._duration_s} s")
        if len(piece):
            self._pieces.append(piece)


def _linear(frame: AudioFrame) -> Samples:
    """A frame as floats within ±1, shape (channels, n)."""
    sample_format = frame.format.name.removesuffix("p")
    full_scale = _FULL_SCALE.get(sample_format)
    if full_scale is None:
        raise AudioUnsupported(f"{sample_format} samples are not taken")
    count = len(frame.layout.channels)
    raw = frame.to_ndarray()
    raw = raw.reshape(count, -1) if frame.format.is_planar else raw.reshape(-1, count).T
    linear = raw.astype(np.float32)
    if sample_format == "u8":
        linear -= 128.0
    if full_scale != 1.0:
        linear /= full_scale
        return linear
    np.nan_to_num(linear, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(linear, -_OVERSHOOT, _OVERSHOOT, out=linear)
