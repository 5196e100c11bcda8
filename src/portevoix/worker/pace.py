"""How fast and how many: calls a second and calls at once, of the routes and of each account."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """What may be dialled.

    Args:
        at_once: calls under way at most.
        per_second: calls begun a second at most.
    """

    at_once: int
    per_second: int


@dataclass(slots=True)
class Meter:
    """Counts calls against a pace: no more than its second's worth in any second, evenly where it is used up.

    Args:
        pace: what is allowed.
    """

    pace: Pace
    under_way: int = 0
    _earliest: datetime | None = field(default=None)

    def room(self, now: datetime) -> int:
        """Tell how many calls may begin now."""
        ahead_s = 0.0 if self._earliest is None else max((self._earliest - now).total_seconds(), 0.0)
        burst = max(self.pace.per_second // BURSTS_A_SECOND, 1)
        by_pace = int(burst - ahead_s * self.pace.per_second + 1e-9)
        return max(min(self.pace.at_once - self.under_way, by_pace), 0)

    def begin(self, calls: int, now: datetime) -> None:
        """Count calls that begin now."""
        self.under_way += calls
        start = now if self._earliest is None else max(self._earliest, now)
        self._earliest = start + timedelta(seconds=calls / self.pace.per_second)

    def end(self) -> None:
        """Count a call that is over."""
        self.under_way -= 1

    def is_idle(self, now: datetime) -> bool:
        """Tell whether nothing is counted any more, so that it may be forgotten."""
        return not self.under_way and (self._earliest is None or self._earliest <= now)


#: Into how many parts a second's worth is cut: what may begin at one moment.
BURSTS_A_SECOND = 5


class Pacing:
    """The meters of a node: one for its route, one for each account that has calls.

    Args:
        route: of all calls together.
        account: of each account.
    """

    def __init__(self, route: Pace, account: Pace) -> None:
        self._route = Meter(route)
        self._account = account
        self._accounts: dict[int, Meter] = {}

    @property
    def under_way(self) -> int:
        """How many calls are under way."""
        return self._route.under_way

    def room(self, now: datetime) -> tuple[int, int, dict[int, int]]:
        """Tell how many calls may begin now.

        Returns:
            in all; of an account that has none; of those that have some.
        """
        self._accounts = {account: meter for account, meter in self._accounts.items() if not meter.is_idle(now)}
        rooms = {account: meter.room(now) for account, meter in self._accounts.items()}
        return self._route.room(now), Meter(self._account).room(now), rooms

    def begin(self, account: int, now: datetime) -> None:
        """Count a call that begins."""
        self._route.begin(1, now)
        self._accounts.setdefault(account, Meter(self._account)).begin(1, now)

    def end(self, account: int) -> None:
        """Count a call that is over."""
        self._route.end()
        self._accounts[account].end()
