"""Telephone audio as a WAV file: 16-bit for people and tools, A-law for who wants the line's own bytes."""

from __future__ import annotations

import struct

from portevoix.audio.g711 import alaw_decode
from portevoix.domain.audio import RATE_HZ, TelephoneAudio

_PCM = 1
_ALAW = 6


def wav_16bit(audio: TelephoneAudio) -> bytes:
    """Write a 16-bit linear WAV: 44 bytes of header, then two bytes a sample."""
    return _riff(_format(_PCM, sample_bytes=2), alaw_decode(audio.alaw).astype("<i2").tobytes())


def wav_alaw(audio: TelephoneAudio) -> bytes:
    """Write an A-law WAV: the bytes that calls play, unchanged.

    Formats other than PCM carry the size of their extension and a ``fact`` chunk with the sample count
    (Microsoft and IBM, Multimedia Programming Interface 1.0, and its 1994 update).
    """
    fact = b"fact" + struct.pack("<II", 4, audio.samples)
    return _riff(_format(_ALAW, sample_bytes=1) + struct.pack("<H", 0), audio.alaw, fact)


def _format(tag: int, sample_bytes: int) -> bytes:
    byte_rate = RATE_HZ * sample_bytes
    return struct.pack("<HHIIHH", tag, 1, RATE_HZ, byte_rate, sample_bytes, 8 * sample_bytes)


def _riff(format_chunk: bytes, data: bytes, before_data: bytes = b"") -> bytes:
    # Chunks begin at even offsets; the padding byte is not counted in the chunk's own size.
    padded = data + b"\0" * (len(data) % 2)
    chunks = (
        b"WAVEfmt "
        + struct.pack("<I", len(format_chunk))
        + format_chunk
        + before_data
        + b"data"
        + struct.pack("<I", len(data))
        + padded
    )
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


class WavFiles:
    """The ``Waves`` port."""

    def linear(self, audio: TelephoneAudio) -> bytes:
        """Write 16-bit linear samples, for people and tools."""
        return wav_16bit(audio)

    def alaw(self, audio: TelephoneAudio) -> bytes:
        """Write the A-law bytes that calls play."""
        return wav_alaw(audio)
