# SPDX-License-Identifier: MIT
"""The credit and the statement, as v2 tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from portevoix.client.answer import reader
from portevoix.client.key import KeyPlace
from portevoix.client.page import Page, page_of
from portevoix.client.request import Request
from portevoix.client.shape import (
    nullable,
    read_count,
    read_id,
    read_micros,
    read_moment,
    read_seconds,
    read_text,
    shape,
)


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's credit, and what the available part buys; ``None`` where there is no limit.

    Args:
        available: what may be spent now, exactly.
        held: what is set aside for calls that are not over.
        currency: ``EUR``.
        mobile: how long one voice SMS to a French mobile.
        landline: how long one voice SMS to a French landline.
        deposits: how many voicemail deposits.
    """

    available: Decimal
    held: Decimal
    currency: str
    mobile: timedelta | None
    landline: timedelta | None
    deposits: int | None


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One transfer of an account's credit. Sums are in euros.

    Args:
        kind: such as ``top_up``, ``reserve``, ``settle`` or ``release``.
        amount: always above 0.
        available_change, held_change: signed.
        available_after: what could be spent after it.
        message, call: what it was for, where it was for one.
    """

    id: str
    at: datetime
    kind: str
    amount: Decimal
    available_change: Decimal
    held_change: Decimal
    available_after: Decimal
    message: str | None
    call: str | None
    reason: str | None


def ledger() -> Request[Page[LedgerLine]]:
    """Read the first page of the statement, oldest first."""
    return page_of("/v2/ledger", "the ledger", _line)


_line = shape(
    LedgerLine,
    id=read_id,
    at=read_moment,
    kind=read_text,
    amount=("amount_micros", read_micros),
    available_change=("available_change_micros", read_micros),
    held_change=("held_change_micros", read_micros),
    available_after=("available_after_micros", read_micros),
    message=nullable(read_text),
    call=nullable(read_text),
    reason=nullable(read_text),
)


def _balance(fields: Mapping[str, Any]) -> Balance:
    buys = fields["buys"]
    return Balance(
        available=read_micros(fields["available_micros"]),
        held=read_micros(fields["held_micros"]),
        currency=read_text(fields["currency"]),
        mobile=nullable(read_seconds)(buys["mobile_s"]),
        landline=nullable(read_seconds)(buys["landline_s"]),
        deposits=nullable(read_count)(buys["deposits"]),
    )


BALANCE = Request("GET", "/v2/credit", KeyPlace.BEARER, reader("the balance", _balance))
