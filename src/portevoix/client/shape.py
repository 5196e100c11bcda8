# SPDX-License-Identifier: MIT
"""How fields of JSON become fields of values: each reader takes one, or says that it is of another kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any, TypeVar

Made = TypeVar("Made")
Value = TypeVar("Value")

#: Reads one field. Raises TypeError, ValueError, ArithmeticError.
Read = Callable[[object], object]

_MICROS = Decimal(1_000_000)
_EXACT = Context(prec=60)


def shape(make: Callable[..., Made], **fields: Read | tuple[str, Read]) -> Callable[[Any], Made]:
    """Describe how an object is read: its fields by name, each with its reader, and its name on the wire if another.

    Args:
        make: takes the fields by name.
    """
    places = {name: field if isinstance(field, tuple) else (name, field) for name, field in fields.items()}

    def read(item: Mapping[str, object]) -> Made:
        return make(**{name: read_field(item[place]) for name, (place, read_field) in places.items()})

    return read


def nullable(read: Callable[[Any], Value]) -> Callable[[object], Value | None]:
    """Read a field that may be null."""
    return lambda value: None if value is None else read(value)


def each(read: Callable[[Any], Value]) -> Callable[[Any], tuple[Value, ...]]:
    """Read a list."""
    return lambda value: tuple(read(item) for item in value)


def read_text(value: object) -> str:
    """Read a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def read_id(value: object) -> str:
    """Read what names something: a text, or a whole number. Raises TypeError."""
    return value if isinstance(value, str) else str(read_count(value))


def read_number(value: object) -> float:
    """Read a number. Raises TypeError."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value


def read_count(value: object) -> int:
    """Read a whole number. Raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def read_flag(value: object) -> bool:
    """Read a yes or no. Raises TypeError."""
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def read_fields(value: object) -> Mapping[str, Any]:
    """Read an object as it is. Raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return value


def read_seconds(value: object) -> timedelta:
    """Read a duration that is told in seconds. Raises TypeError, ValueError, OverflowError."""
    return timedelta(seconds=read_number(value))


def read_moment(value: object) -> datetime:
    """Read a moment with its time zone (RFC 3339). Raises TypeError, ValueError."""
    moment = datetime.fromisoformat(read_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def read_micros(value: object) -> Decimal:
    """Read a sum that is told in millionths, exactly. Raises TypeError."""
    return _EXACT.divide(Decimal(read_count(value)), _MICROS)


def read_decimal(value: object) -> Decimal:
    """Read a sum that is told as a number or a text. Raises TypeError, ValueError, ArithmeticError."""
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no sum")
    read = Decimal(str(value))
    if not read.is_finite():
        raise ValueError(f"{value!r} is no sum")
    return read
