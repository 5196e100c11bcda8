"""The first page: credit, what it buys, what was spent, what is under way."""

from __future__ import annotations

from datetime import timedelta

from portevoix.console.charts import Bar, bars
from portevoix.console.live import Look, live
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.pages.campaigns import UNDER_WAY
from portevoix.domain.ids import Mode
from portevoix.domain.person import Role
from portevoix.domain.schedule import PARIS
from portevoix.service import sent
from portevoix.service.sent import Balance, Sight
from portevoix.web.answer import Answer, Stream

DAYS = 30
NEWEST = 8
LABEL_EVERY = 7


async def _first(visit: Visit) -> Answer:
    """Lead to where the person's work is."""
    if visit.person.role is Role.OPERATOR:
        return visit.go("/operator")
    return visit.go(f"/{visit.person.account}/{Mode.LIVE}")


async def _home(visit: Visit) -> Answer:
    campaigns = await sent.list_campaigns(visit.house, visit.access, None, NEWEST)
    balance, under_way = await _moving(visit)
    low = visit.account.low_balance_micros
    shown = {
        "balance": balance,
        "is_low": low is not None and balance.available_micros < low,
        "under_way": under_way,
        "sights": [sent.see(visit.house, visit.access, one) for _, one in campaigns],
    }
    return visit.show("home.html", {**shown, **await _spending(visit)})


async def _live(visit: Visit) -> Stream:
    async def look() -> Look:
        balance, under_way = await _moving(visit)
        parts = {
            "balance": visit.write("home_balance.html", {"balance": balance}),
            "under-way": visit.write("home_under_way.html", {"under_way": under_way}),
        }
        return Look(parts, is_over=not under_way)

    return await live(visit, look)


async def _moving(visit: Visit) -> tuple[Balance, list[Sight]]:
    """Read what changes while the page is looked at: the credit, and the messages under way."""
    found = await sent.list_campaigns(visit.house, visit.access, None, NEWEST, UNDER_WAY)
    under_way = [sent.see(visit.house, visit.access, one) for _, one in found]
    return await sent.read_balance(visit.house, visit.access), under_way


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
    Page("GET", "/{account}/{mode}/live", Needs.VIEWER, _live),
)
