"""The first page: credit, what it buys, what was spent, what is under way."""

from __future__ import annotations

from datetime import timedelta

from portevoix.console.charts import Bar, bars
from portevoix.console.page import Needs, Page, Visit
from portevoix.domain.ids import Mode
from portevoix.domain.person import Role
from portevoix.domain.schedule import PARIS
from portevoix.service import sent
from portevoix.web.answer import Answer

DAYS = 30
NEWEST = 8
LABEL_EVERY = 7


async def _first(visit: Visit) -> Answer:
    """Lead to where the person's work is."""
    if visit.person.role is Role.OPERATOR:
        return visit.go("/operator")
    return visit.go(f"/{visit.person.account}/{Mode.LIVE}")


async def _home(visit: Visit) -> Answer:
    balance = await sent.read_balance(visit.house, visit.access)
    campaigns = await sent.list_campaigns(visit.house, visit.access, None, NEWEST)
    low = visit.account.low_balance_micros
    shown = {
        "balance": balance,
        "is_low": low is not None and balance.available_micros < low,
        "sights": [sent.see(visit.house, visit.access, one) for _, one in campaigns],
    }
    return visit.show("home.html", {**shown, **await _spending(visit)})


async def _spending(visit: Visit) -> dict[str, object]:
    today = visit.access.now(visit.house.clock.now()).astimezone(PARIS).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    spent = await visit.house.ledger.spending(visit.access.account_id, days[0], PARIS.key)
    texts = visit.texts
    shown = [
        Bar(
            spent.get(day, 0),
            f"{texts.day(day)}: {texts.euros(spent.get(day, 0))}",
            texts.day(day) if place % LABEL_EVERY == LABEL_EVERY // 2 else "",
        )
        for place, day in enumerate(days)
    ]
    total = sum(spent.values())
    return {"chart": bars(texts.say("Spending of the last 30 days"), shown) if total else None, "spent_micros": total}


PAGES = (
    Page("GET", "", Needs.PERSON, _first),
    Page("GET", "/", Needs.PERSON, _first),
    Page("GET", "/{account}/{mode}", Needs.VIEWER, _home),
)
