"""Money: whole micro-euros, never floats.

A sum is an ``int`` of micro-euros (1 € = 1,000,000) and its name ends in ``_micros``.
"""

from __future__ import annotations

import re

from portevoix.domain.errors import InvalidValue

MICROS_PER_EURO = 1_000_000

#: The largest sum that one command may move: a thousand million euros.
LARGEST_MICROS = 10**9 * MICROS_PER_EURO

_EUROS = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,10})(?:\.(?P<fraction>[0-9]{1,6}))?", re.ASCII)


def parse_euros(text: str) -> int:
    """Read a sum in euros, as people and CSV files write it.

    Args:
        text: plain decimal with a point and at most six places: ``19``, ``0.05``, ``-1.5``.

    Returns:
        the sum in micro-euros.

    Raises:
        InvalidValue: not a plain decimal, finer than a micro-euro, or over a thousand million euros.
    """
    match = _EUROS.fullmatch(text.strip())
    if match is None:
        raise InvalidValue(f"not a sum in euros: {text.strip()[:40]!r} (write 19 or 0.05, at most six places)")
    micros = int(match["whole"]) * MICROS_PER_EURO + int((match["fraction"] or "").ljust(6, "0"))
    if micros > LARGEST_MICROS:
        raise InvalidValue("a sum is at most 1000000000 euros")
    return -micros if match["sign"] else micros


def format_euros(micros: int) -> str:
    """Write a sum in euros: plain decimal, no needless zeros, never scientific; ``parse_euros`` reads it back."""
    whole, fraction = divmod(abs(micros), MICROS_PER_EURO)
    text = f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micros < 0 else text


def positive(micros: int) -> int:
    """Return a sum that a command may move.

    Raises:
        InvalidValue: zero, negative, or over a thousand million euros.
    """
    if not 0 < micros <= LARGEST_MICROS:
        raise InvalidValue("an amount must be above 0 and at most 1000000000 euros")
    return micros
