"""The archive: what was over before a month stands in the months in which it was over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple, Self

from portevoix.domain.errors import DomainError, InvalidValue

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


class StillOpen(DomainError):
    """Calls cannot be erased: some of those months are not archived yet, or not whole."""

    code = "still_open"


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of UTC.

    Args:
        first: its first day.
    """

    first: date

    def __post_init__(self) -> None:
        if self.first.day != 1:
            raise InvalidValue("a month begins on its first day")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2026-05``. Raises InvalidValue."""
        try:
            if _MONTH.fullmatch(text):
                return cls(date(int(text[:4]), int(text[5:]), 1))
        except ValueError:
            pass
        raise InvalidValue(f"not a month: {text[:20]!r} (write 2026-05)")

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """Tell in which month a moment is."""
        return cls(moment.astimezone(UTC).date().replace(day=1))

    def before(self, months: int) -> Self:
        """Tell which month is so many months before. Raises InvalidValue for one before our era."""
        years, month = divmod(self.first.year * 12 + self.first.month - 1 - months, 12)
        if years < 1:
            raise InvalidValue("there is no such month")
        return type(self)(date(years, month + 1, 1))

    @property
    def begins_at(self) -> datetime:
        """Its first moment."""
        return datetime(self.first.year, self.first.month, 1, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self.first.year:04}-{self.first.month:02}"


class Over(NamedTuple):
    """A campaign that is over, and not archived.

    Args:
        finished_at, id: its place among those, in this order.
    """

    finished_at: datetime
    id: int

    @property
    def month(self) -> Month:
        """Where it goes."""
        return Month.of(self.finished_at)


class Moved(NamedTuple):
    """How many rows of each kind.

    Args:
        messages: those of which nothing is left among what is open and recent.
    """

    messages: int = 0
    calls: int = 0
    attempts: int = 0
    webhooks: int = 0
    holds: int = 0
    draws: int = 0
    transfers: int = 0

    def and_(self, other: Moved) -> Moved:
        """Add both up."""
        return Moved(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Exported:
    """A month that was written to files.

    Args:
        name: of the folder in which it is: ``2026-05``.
        rows: of each table.
        is_new: whether the folder did not have it yet, just like this.
    """

    month: Month
    name: str
    rows: dict[str, int]
    is_new: bool
