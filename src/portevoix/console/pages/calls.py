"""The calls of a message: all as a file, and each with all that happened to it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime
from typing import NamedTuple

from portevoix.console.audio import wav_answer
from portevoix.console.csv import Ours, Row, csv_answer
from portevoix.console.page import Needs, Page, Visit
from portevoix.console.texts import N_, Texts
from portevoix.console.words import trace, word
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.campaign import Call, CallFilter, CallNotRecorded, call_id, parse_call_id
from portevoix.domain.money import format_euros, parse_euros
from portevoix.service import proof, sent
from portevoix.service.sent import Step
from portevoix.web.answer import Answer, Stream

CALLS_SHOWN = 50

COLUMNS = (
    *(N_("Number"), N_("Product"), N_("State"), N_("Outcome")),
    *(N_("Seconds"), N_("Cost"), N_("Attempts"), N_("Over")),
)


class Shown(NamedTuple):
    """A step of a call as its page tells it.

    Args:
        said: what a carrier noted, in words.
        micros: what was charged.
        again_at: when the next attempt is due.
    """

    step: Step
    said: str = ""
    micros: int | None = None
    again_at: datetime | None = None


def typed_filter(query: Mapping[str, str]) -> dict[str, str]:
    """Read what calls are looked for, as it was typed; what nobody can choose is left out."""
    known = {"state": frozenset(map(str, CallState)), "outcome": frozenset(map(str, Outcome))}
    typed = {name: query.get(name, "").strip() for name in ("state", "outcome", "number")}
    return {name: value for name, value in typed.items() if value and value in known.get(name, (value,))}


def parse_filter(query: Mapping[str, str]) -> CallFilter:
    """Read what calls are looked for."""
    typed = typed_filter(query)
    return CallFilter(
        (typed["state"],) if "state" in typed else None,
        Outcome(typed["outcome"]) if "outcome" in typed else None,
        _digits(typed["number"]) if "number" in typed else None,
    )


def _digits(text: str) -> str:
    """Read a number, or a part of one, as it is kept: with its calling code, without a trunk prefix."""
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit()).lstrip("0")


async def _csv(visit: Visit) -> Stream:
    campaign, header = visit.path["campaign"], [visit.texts.say(name) for name in COLUMNS]
    return await csv_answer(f"{campaign}-calls", header, _rows(visit, campaign), visit.headers)


async def _rows(visit: Visit, campaign: str) -> AsyncGenerator[Row, None]:
    async for page in sent.all_calls(visit.house, visit.access, campaign, 0, parse_filter(visit.query)):
        for call in page:
            yield _row(visit.texts, call)


def _row(texts: Texts, call: Call) -> Row:
    return (
        Ours(f"+{call.number}"),
        word(texts, call.product),
        word(texts, call.state),
        word(texts, call.outcome) if call.outcome else None,
        call.duration_s,
        None if call.cost_micros is None else Ours(format_euros(call.cost_micros)),
        call.attempts,
        texts.plain_moment(call.ended_at) if call.ended_at else None,
    )


async def _show(visit: Visit) -> Answer:
    timeline = await sent.find_call(visit.house, visit.access, _id(visit))
    shown = {
        "call": timeline.call,
        "campaign": await sent.find_campaign(visit.house, visit.access, timeline.campaign),
        "position": parse_call_id(timeline.call.id)[1],
        "steps": [_told(visit.texts, step) for step in sent.steps(timeline)],
        "is_recorded": await _is_recorded(visit),
    }
    return visit.show("call.html", shown)


def _told(texts: Texts, step: Step) -> Shown:
    detail = step.detail or ""
    match step.what:
        case "noted":
            what, _, rest = detail.partition(" ")
            return Shown(step._replace(detail=rest), trace(texts, what))
        case "settled":
            return Shown(step, micros=parse_euros(detail))
        case "retry":
            return Shown(step, again_at=datetime.fromisoformat(detail))
        case _:
            return Shown(step)


async def _is_recorded(visit: Visit) -> bool:
    try:
        await proof.hear_call(visit.house, visit.access, _id(visit))
    except CallNotRecorded:
        return False
    return True


async def _recording(visit: Visit) -> Answer:
    return wav_answer(visit, await proof.hear_call(visit.house, visit.access, _id(visit)))


def _id(visit: Visit) -> str:
    """Name the call that a path leads to. Raises CallNotFound."""
    text = f"{visit.path['campaign']}-{visit.path['position']}"
    return call_id(*parse_call_id(text))


_ALL = "/{account}/{mode}/campaigns/{campaign}"

PAGES = (
    Page("GET", f"{_ALL}/calls.csv", Needs.VIEWER, _csv),
    Page("GET", f"{_ALL}/calls/{{position}}", Needs.VIEWER, _show),
    Page("GET", f"{_ALL}/calls/{{position}}/recording.wav", Needs.VIEWER, _recording),
)
