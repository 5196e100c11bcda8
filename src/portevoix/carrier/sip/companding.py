"""A-law to µ-law and back, byte by byte (ITU-T G.711), without numpy: a media process stays small.

``audio/g711.py`` has the same by table and arithmetic; a test holds the two equal.
"""

from __future__ import annotations

ALAW_SILENCE = 0xD5
ULAW_SILENCE = 0xFF
_BIAS = 33
_CLIP = 0x1FFF


def _linear_of_alaw(code: int) -> int:
    code ^= 0x55
    segment, mantissa = (code >> 4) & 7, code & 0x0F
    value = (mantissa << 4) + 8 if segment == 0 else ((mantissa << 4) + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


def _linear_of_ulaw(code: int) -> int:
    code = ~code & 0xFF
    segment, mantissa = (code >> 4) & 7, code & 0x0F
    value = ((((mantissa << 1) + _BIAS) << segment) - _BIAS) << 2
    return -value if code & 0x80 else value


def _ulaw_of(sample: int) -> int:
    magnitude = min(((~sample if sample < 0 else sample) >> 2) + _BIAS, _CLIP)
    segment = magnitude.bit_length() - 6
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    return (code ^ 0x7F) | (0x80 if sample >= 0 else 0)


def _alaw_of(sample: int) -> int:
    magnitude = (~sample if sample < 0 else sample) >> 4
    segment = max(magnitude.bit_length() - 4, 0)
    mantissa = (magnitude if segment < 2 else magnitude >> (segment - 1)) & 0x0F
    return ((segment << 4) | mantissa | (0x80 if sample >= 0 else 0)) ^ 0x55


ULAW_OF_ALAW = bytes(_ulaw_of(_linear_of_alaw(code)) for code in range(256))
ALAW_OF_ULAW = bytes(_alaw_of(_linear_of_ulaw(code)) for code in range(256))
