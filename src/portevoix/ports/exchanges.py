"""What callers of the API sent and were told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from portevoix.domain.exchange import Exchange, NewExchange


class Exchanges(Protocol):
    """Requests to the API and their answers, kept for a week."""

    async def keep(self, exchanges: Sequence[NewExchange]) -> None:
        """Keep some."""

    async def newest(
        self, account_id: int, before: int | None, most: int, hundred: int | None = None
    ) -> Sequence[Exchange]:
        """Read an account's, the newest first, without their bodies.

        Args:
            hundred: of the status: 4 for those from 400 to 499 alone.
        """

    async def find(self, account_id: int, exchange: int) -> Exchange:
        """Read one with its bodies. Raises ExchangeNotFound, for another account's too."""

    async def sweep(self) -> None:
        """Forget those that are old."""
