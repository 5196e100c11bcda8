"""The messages that were sent: all of them, and each with how far it is and what became of whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from portevoix.console.audio import wav_answer
from portevoix.console.live import Look, live
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.pages.calls import CALLS_SHOWN, parse_filter, typed_filter
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import (
    Campaign,
    CampaignBegun,
    CampaignFilter,
    CampaignState,
    parse_call_id,
)
from portevoix.domain.notice import parse_place
from portevoix.service import campaigns, sent
from portevoix.web.answer import Answer, Stream

CAMPAIGNS_SHOWN = 25

#: What changes of a message's page while it is under way; each in an element and a template of that name.
LIVE_PARTS = ("standing", "progress", "actions", "calls")

_STATE = CampaignState

#: What the list is filtered by; the state is the one that people see.
FILTERS: Mapping[str, CampaignFilter] = {
    "scheduled": CampaignFilter((_STATE.ACTIVE,), is_ahead=True),
    "active": CampaignFilter((_STATE.ACTIVE,), is_ahead=False),
    "paused": CampaignFilter((_STATE.PAUSED,)),
    "cancelled": CampaignFilter((_STATE.CANCELLED,)),
    "finished": CampaignFilter((_STATE.FINISHED,)),
}

#: Those of which some call is not over.
UNDER_WAY = CampaignFilter((_STATE.ACTIVE, _STATE.PAUSED, _STATE.CANCELLED), is_open=True)


async def _list(visit: Visit) -> Answer:
    state, before = visit.query.get("state", ""), parse_place(visit.query.get("before", ""))
    found = await sent.list_campaigns(visit.house, visit.access, before, CAMPAIGNS_SHOWN + 1, FILTERS.get(state))
    page = found[:CAMPAIGNS_SHOWN]
    following = {"state": state, "before": page[-1][0]} if len(found) > len(page) else None
    shown = {
        "sights": [sent.see(visit.house, visit.access, one) for _, one in page],
        "states": tuple(FILTERS),
        "state": state if state in FILTERS else "",
        "is_first": before is None,
        "following": urlencode(following) if following else None,
    }
    return visit.show("campaigns.html", shown)


async def _show(visit: Visit) -> Answer:
    return visit.show("campaign.html", await _shown(visit))


async def _live(visit: Visit) -> Stream:
    async def look() -> Look:
        shown = await _shown(visit)
        parts = {
            part: visit.write(f"campaign_{part}.html", shown) for part in ("standing", "progress", "actions", "calls")
        }
        return Look(parts, not shown["is_open"])

    return await live(visit, look)


async def _shown(visit: Visit) -> dict[str, object]:
    """Read what the page of a campaign shows. Raises CampaignNotFound."""
    house, access = visit.house, visit.access
    campaign = await sent.find_campaign(house, access, visit.path["campaign"])
    after = parse_place(visit.query.get("after", "")) or 0
    typed = typed_filter(visit.query)
    found = await sent.list_calls(house, access, campaign.id, after, CALLS_SHOWN + 1, parse_filter(visit.query))
    page = found[:CALLS_SHOWN]
    last = parse_call_id(page[-1].id)[1] if len(found) > len(page) else None
    return {
        "campaign": campaign,
        "sight": sent.see(house, access, campaign),
        "is_open": campaign.open > 0,
        "undelivered": campaign.total - campaign.open - campaign.delivered - campaign.cancelled,
        "at_carriers": await house.campaigns.at_carriers(access.account_id, campaign.id) if campaign.open else {},
        "place": f"{visit.account.path}/campaigns/{campaign.id}",
        "calls": [(parse_call_id(one.id)[1], one) for one in page],
        "typed": {"state": "", "outcome": "", "number": "", **typed},
        "states": tuple(CallState),
        "outcomes": tuple(Outcome),
        "is_first": after == 0,
        "asked": urlencode({**typed, **({"after": after} if after else {})}),
        "filtered": urlencode(typed),
        "following": urlencode({**typed, "after": last}) if last is not None else None,
    }


async def _audio(visit: Visit) -> Answer:
    return wav_answer(visit, await sent.hear_campaign(visit.house, visit.access, visit.path["campaign"]))


async def _ask_cancel(visit: Visit) -> Answer:
    campaign = await sent.find_campaign(visit.house, visit.access, visit.path["campaign"])
    if campaign.state.is_over:
        return visit.go(f"{visit.account.path}/campaigns/{campaign.id}")
    count, micros = await visit.house.campaigns.waiting(visit.access.account_id, campaign.id)
    shown = {"campaign": campaign, "waiting": count, "under_way": campaign.open - count, "back_micros": micros}
    return visit.show("campaign_cancel.html", shown)


async def _cancel(visit: Visit) -> Answer:
    async def cancel(campaign: str) -> Campaign:
        cancelled, _ = await campaigns.cancel(visit.house, visit.access, campaign, whole=False)
        return cancelled

    return await _change(visit, cancel, _STATE.CANCELLED, "message-cancelled")


async def _pause(visit: Visit) -> Answer:
    return await _change(
        visit, lambda campaign: campaigns.pause(visit.house, visit.access, campaign), _STATE.PAUSED, "message-paused"
    )


async def _resume(visit: Visit) -> Answer:
    return await _change(
        visit, lambda campaign: campaigns.resume(visit.house, visit.access, campaign), _STATE.ACTIVE, "message-resumed"
    )


async def _change(
    visit: Visit, change: Callable[[str], Awaitable[Campaign]], wanted: CampaignState, said: str
) -> Answer:
    """Change a campaign; what a second click finds done already is done."""
    campaign = visit.path["campaign"]
    try:
        await change(campaign)
    except CampaignBegun as error:
        if (await sent.find_campaign(visit.house, visit.access, campaign)).state is not wanted:
            return visit.refuse("campaign.html", error, await _shown(visit))
    return visit.go(f"{visit.account.path}/campaigns/{campaign}", said)


_ONE = "/{account}/{mode}/campaigns/{campaign}"

PAGES = (
    Page("GET", "/{account}/{mode}/campaigns", Needs.VIEWER, _list),
    Page("GET", _ONE, Needs.VIEWER, _show),
    Page("GET", f"{_ONE}/live", Needs.VIEWER, _live),
    Page("GET", f"{_ONE}/audio.wav", Needs.VIEWER, _audio),
    Page("GET", f"{_ONE}/cancel", Needs.MANAGER, _ask_cancel),
    Page("POST", f"{_ONE}/cancel", Needs.MANAGER, _cancel, "cancel-message"),
    Page("POST", f"{_ONE}/pause", Needs.MANAGER, _pause, "pause-message"),
    Page("POST", f"{_ONE}/resume", Needs.MANAGER, _resume, "resume-message"),
)
