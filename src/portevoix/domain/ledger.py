"""The ledger's commands and answers, and the one table of what each kind of transfer moves.

Two-phase: a reserve moves credit from available to held and opens a hold; the hold is resolved once,
settled for what was used while the rest is released. A transfer is never changed; its kind fixes both
of its sides, so that every posting has its counterpart by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portevoix.domain.errors import InvalidValue
from portevoix.domain.ids import parse_idempotency_key
from portevoix.domain.money import positive


class Side(StrEnum):
    """A place where credit can be: two on the account, the others are the house's."""

    AVAILABLE = "available"
    HELD = "held"
    CASH = "cash"
    REVENUE = "revenue"
    ADJUSTMENT = "adjustment"
    ALLOTMENT = "allotment"
    EXPIRED = "expired"


class Kind(StrEnum):
    """What a transfer is."""

    TOP_UP = "top_up"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    REFUND = "refund"
    ADJUSTMENT_CREDIT = "adjustment_credit"
    ADJUSTMENT_DEBIT = "adjustment_debit"
    ALLOTMENT_OUT = "allotment_out"
    ALLOTMENT_IN = "allotment_in"
    EXPIRY = "expiry"


#: From where to where each kind moves its amount. The view ``posting`` of the schema says the same.
SIDES: dict[Kind, tuple[Side, Side]] = {
    Kind.TOP_UP: (Side.CASH, Side.AVAILABLE),
    Kind.RESERVE: (Side.AVAILABLE, Side.HELD),
    Kind.SETTLE: (Side.HELD, Side.REVENUE),
    Kind.RELEASE: (Side.HELD, Side.AVAILABLE),
    Kind.REFUND: (Side.REVENUE, Side.AVAILABLE),
    Kind.ADJUSTMENT_CREDIT: (Side.ADJUSTMENT, Side.AVAILABLE),
    Kind.ADJUSTMENT_DEBIT: (Side.AVAILABLE, Side.ADJUSTMENT),
    Kind.ALLOTMENT_OUT: (Side.AVAILABLE, Side.ALLOTMENT),
    Kind.ALLOTMENT_IN: (Side.ALLOTMENT, Side.AVAILABLE),
    Kind.EXPIRY: (Side.AVAILABLE, Side.EXPIRED),
}


class GrantKind(StrEnum):
    """Where granted credit comes from."""

    PAID = "paid"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """The terms on which credit is given.

    Args:
        kind: paid for, or a gift.
        expires_at: when what is left of it lapses; ``None`` for never. With a time zone.
    """

    kind: GrantKind = GrantKind.PAID
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise InvalidValue("an expiry needs a time zone")


PAID = GrantTerms()


@dataclass(frozen=True, slots=True)
class Reserve:
    """Set aside the most that something can cost.

    Args:
        account_id: the ledger account.
        amount_micros: above 0.
        idempotency_key: a repeat with the same amount gets the first answer.
    """

    account_id: int
    amount_micros: int
    idempotency_key: str

    def __post_init__(self) -> None:
        positive(self.amount_micros)
        parse_idempotency_key(self.idempotency_key)


@dataclass(frozen=True, slots=True)
class Held:
    """The answer to a reserve.

    Args:
        hold_id: names the hold when it is settled or released.
        available_after_micros: what was left to spend right after this reserve.
        repeated: this is the stored answer to an earlier, equal command.
    """

    hold_id: int
    available_after_micros: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Resolve:
    """End a hold: the used part is settled, the rest released.

    Args:
        hold_id: an open hold.
        used_micros: from 0 (all is released) to the hold's amount (all is settled).
    """

    hold_id: int
    used_micros: int

    def __post_init__(self) -> None:
        if self.used_micros < 0:
            raise InvalidValue("what was used of a hold is not below 0")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answer to a resolve.

    Args:
        settled_micros: what was taken.
        released_micros: what came back.
        available_after_micros: what could be spent right after it.
        repeated: this is the stored answer to an earlier, equal command.
    """

    settled_micros: int
    released_micros: int
    available_after_micros: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """The answer to a top-up, a refund, an adjustment or an allotment.

    Args:
        transfer_id: the transfer on the account that the command names first.
        available_after_micros: what that account could spend right after it.
        repeated: this is the stored answer to an earlier, equal command.
    """

    transfer_id: int
    available_after_micros: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One transfer as its account sees it.

    Args:
        amount_micros: always above 0; ``kind`` tells the direction.
        available_change_micros: signed, what it did to the available credit.
        held_change_micros: signed, what it did to the held credit.
        counterpart: the other account of an allotment.
    """

    transfer_id: int
    at: datetime
    kind: Kind
    amount_micros: int
    available_change_micros: int
    held_change_micros: int
    available_after_micros: int
    hold_id: int | None
    counterpart: str | None
    reason: str | None
    idempotency_key: str | None


#: What calls make transfers of.
OF_CALLS = frozenset({Kind.RESERVE, Kind.SETTLE, Kind.RELEASE})


@dataclass(frozen=True, slots=True)
class Sought:
    """Which of an account's transfers are looked for; ``None`` for any.

    Args:
        first: of this moment or later.
        until: before this moment.
    """

    kinds: frozenset[Kind] | None = None
    first: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A row that breaks an invariant of the ledger.

    Args:
        invariant: its name, as docs/reference/ledger.md lists it.
        row: where: ``account 3``, ``transfer 17``, ``hold 9``, ``grant 2``.
        detail: what was expected and what stands there.
    """

    invariant: str
    row: str
    detail: str
