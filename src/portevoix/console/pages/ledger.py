"""Where the credit came from, and where it went."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from portevoix.console.csv import Ours, Row, csv_answer
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.texts import N_
from portevoix.console.words import word
from portevoix.domain.errors import InvalidValue
from portevoix.domain.ledger import Kind, Sought
from portevoix.domain.money import format_euros
from portevoix.domain.notice import parse_place
from portevoix.domain.schedule import PARIS
from portevoix.service import sent
from portevoix.service.sent import LedgerLine
from portevoix.web.answer import Answer, Stream

LINES_SHOWN = 50

COLUMNS = (
    *(N_("When"), N_("What"), N_("Available"), N_("Set aside"), N_("Available after")),
    *(N_("Call"), N_("Other account"), N_("Reason")),
)


class DayInvalid(InvalidValue):
    """A day that is none."""

    code = "day_invalid"


@dataclass(frozen=True, slots=True)
class Typed:
    """Which lines are asked for, as it was typed.

    Args:
        first, last: days in Paris, both of them whole.
    """

    kind: str
    first: str
    last: str

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Typed:
        """Read what was typed."""
        kind = query.get("kind", "")
        return cls(kind if kind in set(Kind) else "", query.get("first", "").strip(), query.get("last", "").strip())

    def sought(self) -> Sought:
        """Read which lines are meant. Raises DayInvalid."""
        kinds = frozenset({Kind(self.kind)}) if self.kind else None
        return Sought(kinds, _midnight(self.first, 0), _midnight(self.last, 1))

    def query(self, **more: object) -> str:
        """Write it as the query of an address."""
        typed = {"kind": self.kind, "first": self.first, "last": self.last, **more}
        return urlencode({name: value for name, value in typed.items() if value})


def _midnight(text: str, days: int) -> datetime | None:
    """Tell when a day of Paris begins, or one so many days later; ``None`` for none. Raises DayInvalid."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), PARIS)
    except (ValueError, OverflowError):
        raise DayInvalid("this is no day") from None


async def _show(visit: Visit) -> Answer:
    typed, before = Typed.of(visit.query), parse_place(visit.query.get("before", ""))
    try:
        sought = typed.sought()
    except DayInvalid as error:
        return visit.refuse("ledger.html", error, _shown(visit, typed, [], following=None))
    found = await sent.newest_lines(visit.house, visit.access, sought, before, LINES_SHOWN + 1)
    page = found[:LINES_SHOWN]
    last = page[-1].posted.transfer_id if len(found) > len(page) else None
    following = typed.query(before=last) if last else None
    return visit.show("ledger.html", _shown(visit, typed, [*page], following))


def _shown(visit: Visit, typed: Typed, lines: list[LedgerLine], following: str | None) -> dict[str, object]:
    return {
        "lines": [(line, _place(line)) for line in lines],
        "kinds": tuple(Kind),
        "typed": typed,
        "asked": typed.query(),
        "following": following,
        "is_first": not visit.query.get("before"),
    }


def _place(line: LedgerLine) -> str | None:
    """Tell where a line leads to, below the account's pages."""
    if line.campaign is None or line.call is None:
        return None
    return f"/campaigns/{line.campaign}/calls/{line.call.rpartition('-')[2]}"


async def _csv(visit: Visit) -> Stream:
    rows = _rows(visit, Typed.of(visit.query).sought())
    return await csv_answer("ledger", [visit.texts.say(name) for name in COLUMNS], rows, visit.headers)


async def _rows(visit: Visit, sought: Sought) -> AsyncGenerator[Row, None]:
    async for page in sent.all_lines(visit.house, visit.access, sought):
        for line in page:
            posted = line.posted
            yield (
                visit.texts.plain_moment(posted.at),
                word(visit.texts, posted.kind),
                Ours(format_euros(posted.available_change_micros)),
                Ours(format_euros(posted.held_change_micros)),
                Ours(format_euros(posted.available_after_micros)),
                line.call,
                posted.counterpart,
                posted.reason,
            )


PAGES = (
    Page("GET", "/{account}/{mode}/ledger", Needs.VIEWER, _show),
    Page("GET", "/{account}/{mode}/ledger.csv", Needs.VIEWER, _csv),
)
