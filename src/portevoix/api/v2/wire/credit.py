"""The shapes of credit and ledger lines."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from portevoix.api.v2.wire.common import Change, Micros, Next
from portevoix.service.sent import Balance, LedgerLine


class Bought(Struct, frozen=True):
    """What the available credit buys towards France, in whole units; null for no limit.

    Args:
        mobile_s: seconds of one voice message to a mobile.
        landline_s: seconds of one to a landline.
        deposits: voicemail deposits.
    """

    mobile_s: int | None
    landline_s: int | None
    deposits: int | None


class Credit(Struct, frozen=True):
    """The account's credit.

    Args:
        available_micros: what it may spend now.
        held_micros: what is set aside for calls that are not over.
    """

    available_micros: Micros
    held_micros: Micros
    currency: str
    buys: Bought


class Line(Struct, frozen=True):
    """A transfer, as the account sees it.

    Args:
        amount_micros: above 0; `kind` tells the direction.
        message: what it was for, where that was a message.
        call: likewise.
    """

    id: str
    at: datetime
    kind: str
    amount_micros: Micros
    available_change_micros: Change
    held_change_micros: Change
    available_after_micros: Micros
    message: str | None
    call: str | None
    reason: str | None


class Ledger(Struct, frozen=True):
    """A page of the account's transfers, oldest first."""

    items: list[Line]
    next: Next


def credit(balance: Balance) -> Credit:
    """Write an account's credit."""
    buys = balance.buys
    bought = Bought(buys.mobile_s, buys.landline_s, buys.deposits)
    return Credit(balance.available_micros, balance.held_micros, "EUR", bought)


def line(line: LedgerLine) -> Line:
    """Write a transfer."""
    posted = line.posted
    return Line(
        str(posted.transfer_id),
        posted.at,
        str(posted.kind),
        posted.amount_micros,
        posted.available_change_micros,
        posted.held_change_micros,
        posted.available_after_micros,
        line.campaign,
        line.call,
        posted.reason,
    )
