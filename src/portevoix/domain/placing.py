"""A campaign on its way into the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portevoix.domain.campaign import Message, Order, Priced


@dataclass(frozen=True, slots=True)
class Placing:
    """A priced order whose holds are open.

    Args:
        campaign: its public id.
        token: names it to its notifyUrl, for a deposit.
        at: when it was asked for, by the account's clock.
        holds: one a recipient, in order; ``None`` where the call costs nothing.
        trunks: the one that each call will take, as far as is known; 0 for none, as simulated phones need.
    """

    account_id: int
    campaign: str
    token: str
    order: Order
    message: Message
    priced: tuple[Priced, ...]
    holds: tuple[int | None, ...]
    own_revision: int | None
    default_revision: int | None
    at: datetime
    trunks: tuple[int, ...]

    @property
    def reserved_micros(self) -> int:
        """What is set aside for all of it."""
        return sum(one.most_micros for one in self.priced)

    @property
    def due_at(self) -> datetime:
        """When its calls are due."""
        return self.order.due_at or self.at
