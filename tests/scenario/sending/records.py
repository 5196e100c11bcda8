"""What the books of the sending system keep: prices, accounts, campaigns and calls, as they should be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import cached_property
from typing import Any

from portevoix.domain.call import Billing, CallState, Outcome, Report, Retries
from portevoix.domain.campaign import CampaignState, Kind
from portevoix.domain.number import Line, Number
from portevoix.domain.tariff import Product
from tests.store.test_calls import Customer

DELIVERED = {Outcome.ANSWERED, Outcome.VOICEMAIL}
TRIED_AGAIN = {Outcome.BUSY, Outcome.NO_ANSWER}


class Stage(Enum):
    """Where a call stands, as far as anybody outside can tell."""

    WAITING = auto()
    CLAIMED = auto()
    UNDER_WAY = auto()
    OVER = auto()


@dataclass(frozen=True)
class Price:
    """What a call costs.

    Args:
        micros: a minute, or a deposit.
    """

    micros: int
    connection: int = 0
    minimum_s: int = 0
    increment_s: int = 1

    def of(self, seconds: int, kind: Kind) -> int:
        """Price a call of so many seconds, or a deposit."""
        if kind is Kind.DEPOSIT:
            return self.connection + self.micros
        billed_s = self.minimum_s
        while billed_s < seconds:
            billed_s += self.increment_s
        return self.connection + self.micros * billed_s // 60


def product(kind: Kind, number: Number) -> Product:
    """What is sold."""
    if kind is Kind.DEPOSIT:
        return Product.DEPOSIT
    return Product.VOICE_MOBILE if number.line is Line.MOBILE else Product.VOICE_LANDLINE


def most_of(account: Account, kind: Kind, numbers: Sequence[Number], seconds: int) -> int:
    """What a message that takes so many seconds can cost at most."""
    return sum(account.prices[product(kind, number)].of(seconds, kind) for number in numbers)


@dataclass(eq=False, repr=False)
class Account:
    """What an account should have."""

    name: str
    customer: Customer
    prices: Mapping[Product, Price]
    available: int
    held: int = 0
    offset_s: int = 0
    is_on: bool = True

    def _repr_pretty_(self, printer: Any, is_in_itself: bool) -> None:
        printer.text(self.name)

    def now(self, ours: datetime) -> datetime:
        """What its clock should show."""
        return ours + timedelta(seconds=self.offset_s)


@dataclass(eq=False, repr=False)
class Campaign:
    """What a campaign should be."""

    id: str
    account: Account
    kind: Kind
    retries: Retries
    notifies: bool
    is_scheduled: bool
    state: CampaignState = CampaignState.ACTIVE
    was_seen_over: bool = False
    calls: list[Call] = field(default_factory=list)

    def _repr_pretty_(self, printer: Any, is_in_itself: bool) -> None:
        printer.text(f"{self.account.name}'s {self.id}")

    @property
    def is_over(self) -> bool:
        """Whether nobody can change it any more."""
        return self.state in (CampaignState.CANCELLED, CampaignState.FINISHED)

    @property
    def has_begun(self) -> bool:
        """Whether somebody was called, or will not be."""
        return any(call.attempts or call.stage is Stage.OVER for call in self.calls)

    def counters(self) -> dict[str, int]:
        """What should be counted for it."""
        over = [call for call in self.calls if call.stage is Stage.OVER]
        return {
            "total": len(self.calls),
            "open": len(self.calls) - len(over),
            "delivered": sum(call.end is CallState.FINISHED for call in over),
            "cancelled": sum(call.end is CallState.CANCELLED for call in over),
            "reserved_micros": sum(call.most for call in self.calls),
            "settled_micros": sum(call.cost for call in over),
            "held_micros": sum(call.most for call in self.calls if call.stage is not Stage.OVER),
        }


@dataclass(eq=False, repr=False)
class Call:
    """What a call should be.

    Args:
        most: set aside for it, in micro-euros.
        id: the store's number of it, once it was claimed.
        is_held_back: its campaign was paused while it waited.
        filed: the report of its attempt, while nobody has acted on it.
        told: what was filed of each of its attempts.
    """

    campaign: Campaign
    position: int
    number: Number
    price: Price
    most: int
    due_at: datetime
    stage: Stage = Stage.WAITING
    id: int = 0
    node: int | None = None
    is_held_back: bool = False
    attempts: int = 0
    retried: int = 0
    route: int = 0
    filed: Report | None = None
    end: CallState | None = None
    cost: int = 0
    told: list[Report] = field(default_factory=list)

    @cached_property
    def public_id(self) -> str:
        """What its owner calls it."""
        return f"{self.campaign.id}-{self.position}"

    def give_back(self) -> None:
        """Its node will not dial it."""
        self.stage, self.node = Stage.WAITING, None
        self.is_held_back = self.campaign.state is CampaignState.PAUSED

    def file(self, attempt: int, report: Report) -> None:
        """A report comes in: the first of its attempt counts, as long as that is under way."""
        if self.stage is Stage.UNDER_WAY and attempt == self.attempts and self.filed is None:
            self.filed = report
            self.told.append(report)

    def cost_of(
        self,
        outcome: Outcome,
        ringing_at: datetime | None,
        answered_at: datetime | None,
        ended_at: datetime,
        billing: Billing,
    ) -> int:
        """What it should cost where its last attempt went like this."""
        kind = self.campaign.kind
        if outcome is Outcome.LOST:
            return self.most if billing.uncertain else 0
        if outcome in DELIVERED:
            assert answered_at is not None
            return min(self.price.of(math.ceil((ended_at - answered_at).total_seconds()), kind), self.most)
        has_rung_out = ringing_at is not None and outcome in {Outcome.NO_ANSWER, Outcome.BUSY, Outcome.DECLINED}
        if billing.unanswered and has_rung_out and kind is Kind.VOICE:
            return min(self.price.of(0, kind), self.most)
        return 0
