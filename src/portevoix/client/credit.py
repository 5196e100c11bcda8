# SPDX-License-Identifier: MIT
"""The credit, as ``/v1/me`` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from portevoix.client.answer import Answer
from portevoix.client.key import KeyPlace
from portevoix.client.request import Request
from portevoix.client.shape import read_decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """An account's credit, and what it buys; ``None`` where there is no limit.

    Args:
        credit: what may be spent now, exactly.
        currency: its symbol.
        mobile: how long one voice SMS to a French mobile.
        landline: how long one voice SMS to a French landline.
        deposits: how many voicemail deposits.
    """

    credit: Decimal
    currency: str
    mobile: timedelta | None
    landline: timedelta | None
    deposits: int | None


def _read(answer: Answer) -> Credit:
    fields = answer.fields()
    with answer.reading("the credit"):
        details = fields["details"]
        return Credit(
            credit=read_decimal(fields["credit"]),
            currency=str(fields["currency"]),
            mobile=_duration(details["tts"]),
            landline=_duration(details["tts_fixe"]),
            deposits=_count(details["voice"]["message"]),
        )


def _duration(value: Mapping[str, Any]) -> timedelta | None:
    parts = [_count(value[unit]) for unit in ("h", "m", "s")]
    if any(part is None for part in parts):
        return None
    hours, minutes, seconds = (part or 0 for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _count(value: object) -> int | None:
    return None if value is None else int(str(value))


CREDIT = Request("GET", "/v1/me", KeyPlace.PATH, _read)
