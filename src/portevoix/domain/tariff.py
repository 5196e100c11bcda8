"""Tariffs: what a call or a deposit costs, and what a credit buys.

A price a minute is charged by the second, in increments after a minimum: with minimum 30 and increment 6,
a call of 31 s is billed 36 s. Costs are rounded down to the micro-euro, in the customer's favour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from portevoix.domain.errors import InvalidValue
from portevoix.domain.money import LARGEST_MICROS

#: A French mobile and a French landline: what ``/me`` prices, in E.164 without the plus.
FRENCH_MOBILE = "336"
FRENCH_LANDLINE = "331"

LONGEST_PREFIX = 15  # E.164: a number has at most 15 digits
LONGEST_BILLING_S = 3600

DRAFT_KEPT = timedelta(days=1)


class Product(StrEnum):
    """What is sold."""

    VOICE_MOBILE = "voice_mobile"
    VOICE_LANDLINE = "voice_landline"
    DEPOSIT = "deposit"

    @property
    def is_timed(self) -> bool:
        """Whether its price is a minute's, not a message's."""
        return self is not Product.DEPOSIT


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of a product towards the numbers that begin with a prefix.

    Args:
        product: what is sold.
        prefix: leading digits in E.164 without the plus; the longest that fits a number wins.
        price_micros: a minute, or a message where the product is not timed.
        connection_micros: once for each answered call or delivered message.
        minimum_s: the shortest billed duration in seconds.
        increment_s: the step in seconds by which the billed duration grows after it.

    Raises:
        InvalidValue: a value out of its range.
    """

    product: Product
    prefix: str
    price_micros: int
    connection_micros: int = 0
    minimum_s: int = 0
    increment_s: int = 1

    def __post_init__(self) -> None:
        if not (self.prefix.isascii() and self.prefix.isdigit() and len(self.prefix) <= LONGEST_PREFIX):
            raise InvalidValue("prefix: 1 to 15 digits in E.164 without the plus")
        if not 0 <= self.price_micros <= LARGEST_MICROS or not 0 <= self.connection_micros <= LARGEST_MICROS:
            raise InvalidValue("a price is from 0 to 1000000000 euros")
        if not 0 <= self.minimum_s <= LONGEST_BILLING_S:
            raise InvalidValue("minimum_s: whole seconds from 0 to 3600")
        if not 1 <= self.increment_s <= LONGEST_BILLING_S:
            raise InvalidValue("increment_s: whole seconds from 1 to 3600")
        if not self.product.is_timed and (self.minimum_s, self.increment_s) != (0, 1):
            raise InvalidValue("minimum_s and increment_s are for timed products only")

    def billed_s(self, duration_s: int) -> int:
        """Round a duration up to what is billed: the minimum, then whole increments.

        Args:
            duration_s: whole seconds, a part of a second counted as one.
        """
        beyond_s = max(duration_s - self.minimum_s, 0)
        return self.minimum_s + -(-beyond_s // self.increment_s) * self.increment_s

    def call_cost_micros(self, duration_s: int) -> int:
        """Price an answered call, rounded down to the micro-euro.

        Args:
            duration_s: whole seconds, a part of a second counted as one.
        """
        assert self.product.is_timed, "a deposit has no duration"
        return self.connection_micros + self.price_micros * self.billed_s(duration_s) // 60

    def message_cost_micros(self) -> int:
        """Price one deposit."""
        assert not self.product.is_timed, "a call is priced by its duration"
        return self.connection_micros + self.price_micros

    def affordable_s(self, credit_micros: int) -> int | None:
        """Tell how long a call a credit buys: the most whole seconds whose cost is within it.

        Returns:
            seconds, rounded down; ``None`` for no limit, where the minute is free.
        """
        if credit_micros < self.connection_micros:
            return 0
        if self.price_micros == 0:
            return None
        # cost(s) <= credit  <=>  price * s < 60 * (credit - connection + 1), since cost is rounded down
        billable_s = (60 * (credit_micros - self.connection_micros + 1) - 1) // self.price_micros
        if billable_s < self.minimum_s:
            return 0
        beyond_s = billable_s - self.minimum_s
        return self.minimum_s + beyond_s // self.increment_s * self.increment_s

    def affordable_messages(self, credit_micros: int) -> int | None:
        """Tell how many deposits a credit buys; ``None`` for no limit, where they are free."""
        cost_micros = self.message_cost_micros()
        return credit_micros // cost_micros if cost_micros else None


@dataclass(frozen=True, slots=True)
class RateTable:
    """One revision of a tariff: its rates from a date on, never changed.

    Args:
        revision: names it.
        tariff: the tariff's name.
        effective_from: the moment from which it counts.
        rates: at most one a product and prefix.
    """

    revision: int
    tariff: str
    effective_from: datetime
    rates: tuple[Rate, ...]
    _by_prefix: dict[tuple[Product, str], Rate] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_prefix", {(rate.product, rate.prefix): rate for rate in self.rates})

    def rate_for(self, product: Product, digits: str) -> Rate | None:
        """Find the rate whose prefix is the longest that a number begins with.

        Args:
            digits: a number in E.164 without the plus.
        """
        for length in range(min(len(digits), LONGEST_PREFIX), 0, -1):
            rate = self._by_prefix.get((product, digits[:length]))
            if rate is not None:
                return rate
        return None


@dataclass(frozen=True, slots=True)
class Draft:
    """A tariff file that was sent, and waits for a yes.

    Args:
        id: names it; random.
        name: of the tariff that it would become a revision of.
        effective_from: the moment from which it would count; ``None`` for that of the yes.
        file: as it came.
    """

    id: str
    name: str
    effective_from: datetime | None
    file: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one rate where rates take the place of others.

    Args:
        before: ``None`` where there was none.
        after: ``None`` where there is none any more.
    """

    before: Rate | None
    after: Rate | None

    @property
    def rate(self) -> Rate:
        """Either of them, for what they are of."""
        found = self.after or self.before
        assert found is not None, "a change is of some rate"
        return found


def changes(before: Iterable[Rate], after: Iterable[Rate]) -> list[Change]:
    """Tell what changes where rates take the place of others, by product and prefix."""
    old = {(rate.product, rate.prefix): rate for rate in before}
    new = {(rate.product, rate.prefix): rate for rate in after}
    both = [Change(old.get(place), new.get(place)) for place in sorted(old.keys() | new.keys())]
    return [change for change in both if change.before != change.after]


@dataclass(frozen=True)
class Tariff:
    """What one account pays: its own rates first, the default's where its own have none.

    Args:
        tables: rate tables by rank.
    """

    tables: tuple[RateTable, ...]

    def rate_for(self, product: Product, digits: str) -> Rate | None:
        """Find the rate of a product towards a number; ``None`` where it is not sold."""
        rates = (table.rate_for(product, digits) for table in self.tables)
        return next((rate for rate in rates if rate is not None), None)

    @cached_property
    def in_france(self) -> tuple[Rate | None, Rate | None, Rate | None]:
        """The rates of a voice SMS to a mobile, of one to a landline, and of a deposit, in France."""
        return (
            self.rate_for(Product.VOICE_MOBILE, FRENCH_MOBILE),
            self.rate_for(Product.VOICE_LANDLINE, FRENCH_LANDLINE),
            self.rate_for(Product.DEPOSIT, FRENCH_MOBILE),
        )


@dataclass(frozen=True, slots=True)
class Buys:
    """What a credit buys, in whole units rounded down; ``None`` for no limit.

    Args:
        mobile_s: seconds of one voice SMS to a French mobile.
        landline_s: seconds of one voice SMS to a French landline.
        deposits: voicemail deposits on French mobiles.
    """

    mobile_s: int | None
    landline_s: int | None
    deposits: int | None


def buys(tariff: Tariff, credit_micros: int) -> Buys:
    """Tell what a credit buys in France; a product that the tariff does not sell counts 0."""
    mobile, landline, deposit = tariff.in_france
    return Buys(
        mobile_s=mobile.affordable_s(credit_micros) if mobile else 0,
        landline_s=landline.affordable_s(credit_micros) if landline else 0,
        deposits=deposit.affordable_messages(credit_micros) if deposit else 0,
    )
