"""For the operator: trunks and routes, nodes, what waits, the ledger's check, and what was done in the console."""

from __future__ import annotations

from collections.abc import Sequence

from portevoix.console.page import Needs, Page, Visit
from portevoix.domain.ledger import Violation
from portevoix.domain.notice import parse_place
from portevoix.service import credit
from portevoix.web.answer import Answer

PLACE = "/operator/system"
DEEDS = "/operator/deeds"
MOST_DEEDS = 50
MOST_VIOLATIONS = 200


async def _show(visit: Visit) -> Answer:
    return await _page(visit)


async def _check(visit: Visit) -> Answer:
    return await _page(visit, await credit.check_ledger(visit.house))


async def _page(visit: Visit, violations: Sequence[Violation] | None = None) -> Answer:
    """Show how the machinery fares.

    Args:
        violations: what the ledger's check found; ``None`` where it was not run.
    """
    now = visit.house.clock.now()
    shown = {
        "trunks": await visit.house.trunks.all(),
        "routes": await visit.house.trunks.routes(),
        "nodes": await visit.house.nodes.all(),
        "queues": await visit.house.nodes.queues(),
        "now": now,
        "is_checked": violations is not None,
        "violations": (violations or ())[:MOST_VIOLATIONS],
        "broken": len(violations or ()),
    }
    return visit.show("operator_system.html", shown)


async def _deeds(visit: Visit) -> Answer:
    account = visit.query.get("account", "").strip().partition("/")[0][:40]
    before = parse_place(visit.query.get("before", ""))
    found = await visit.house.deeds.newest(before, MOST_DEEDS + 1, account or None)
    shown = {
        "deeds": found[:MOST_DEEDS],
        "of": account,
        "is_first": before is None,
        "older": found[MOST_DEEDS - 1].id if len(found) > MOST_DEEDS else None,
    }
    return visit.show("operator_deeds.html", shown)


PAGES = (
    Page("GET", PLACE, Needs.OPERATOR, _show),
    Page("POST", f"{PLACE}/check", Needs.OPERATOR, _check, "check-ledger"),
    Page("GET", DEEDS, Needs.OPERATOR, _deeds),
)
