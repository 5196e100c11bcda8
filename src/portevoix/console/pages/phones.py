"""The simulated phones of a sandbox: what each received, and what was told of it; its clock; a new beginning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from portevoix.console.audio import wav_answer
from portevoix.console.once import keep_once, new_once, parse_once
from portevoix.console.page import Needs, Page, Visit
from portevoix.domain.errors import DomainError, InvalidValue, NotFound
from portevoix.domain.magic import BEHAVIOURS, DEFAULT_RING_S
from portevoix.domain.notice import Try, Webhook, WebhookNotFound, parse_place
from portevoix.domain.number import Number, NumberInvalid
from portevoix.domain.sandbox import CREDIT_MICROS, Received
from portevoix.ports import House
from portevoix.service import notices, sandbox
from portevoix.web.answer import Answer

ENTRIES_SHOWN = 10
MAILS_SHOWN = 10

#: Of a webhook: its last tries, and so much of what was sent and answered. All of it is in the API.
TRIES_SHOWN = 5
CHARACTERS_SHOWN = 2_000
ANSWER_CHARACTERS_SHOWN = 400

#: What the clock is moved on by.
UNITS = {"minutes": 60, "hours": 3_600, "days": 86_400}
STEPS_S = (900, 3_600, 86_400)

_WEBHOOK = re.compile(r"msg_[0-9a-f]{32}", re.ASCII)


class StepInvalid(InvalidValue):
    """The clock cannot be moved on by so much."""

    code = "step_invalid"


class MovedAlready(DomainError):
    """The form was sent before."""

    code = "moved_already"


class Told(NamedTuple):
    """A webhook as the page shows it.

    Args:
        body: what was sent, or of a GET the query; cut.
        tries: the last ones, each with what was answered; cut.
        earlier: how many more there were.
    """

    webhook: Webhook
    body: str
    tries: Sequence[tuple[Try, str]]
    earlier: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A call that a phone received."""

    received: Received
    heard_s: int
    webhooks: Sequence[Told] = field(default_factory=tuple)


async def _show(visit: Visit) -> Answer:
    return visit.show("phones.html", await _shown(visit))


async def _shown(visit: Visit) -> dict[str, object]:
    """Read what the page shows. Raises NotFound (the account is a live one)."""
    house, access = visit.house, visit.access
    _must_be_sandbox(visit)
    typed, before = visit.query.get("number", "").strip()[:40], parse_place(visit.query.get("before", ""))
    number = _number(typed)
    received, webhooks, mails = await sandbox.read_inbox(house, access, before, ENTRIES_SHOWN + 1, number=number)
    page = received[:ENTRIES_SHOWN]
    last = page[-1].id if len(received) > len(page) else None
    entries = [Entry(one, sandbox.heard_s(one), _followed(one, webhooks)) for one in page]
    return {
        "now": access.now(house.clock.now()),
        "ahead_s": access.clock_offset_s,
        "once": new_once(house),
        "steps_s": STEPS_S,
        "units": tuple(UNITS),
        "typed": typed,
        "phones": _by_number(entries),
        "is_first": before is None,
        "following": urlencode({**({"number": typed} if typed else {}), "before": last}) if last else None,
        "mails": mails[:MAILS_SHOWN],
        "numbers": [
            (f"{code:02}", str(Number.parse(f"+3363998{DEFAULT_RING_S:02}{code:02}")), visit.texts.say(one.meaning))
            for code, one in BEHAVIOURS.items()
        ],
        "default_ring_s": DEFAULT_RING_S,
    }


def _by_number(entries: Sequence[Entry]) -> Mapping[str, Sequence[Entry]]:
    """Put calls together by the phones that received them, the one that rang last first."""
    phones: dict[str, list[Entry]] = {}
    for one in entries:
        phones.setdefault(one.received.number, []).append(one)
    return phones


def _number(typed: str) -> str | None:
    """Read the number of a phone; one that is none is no phone's."""
    try:
        return Number.parse(typed).digits if typed else None
    except NumberInvalid:
        return ""


def _followed(received: Received, webhooks: Sequence[Webhook]) -> Sequence[Told]:
    """Tell what followed a call: the webhooks of it, and of its message as a whole."""
    mine = [one for one in webhooks if one.campaign == received.campaign and one.position in (None, received.position)]
    return [_told(one) for one in mine]


def _told(webhook: Webhook) -> Told:
    tries = webhook.tries[-TRIES_SHOWN:]
    return Told(
        webhook,
        webhook.body.decode(errors="replace")[:CHARACTERS_SHOWN],
        [(one, one.body[:ANSWER_CHARACTERS_SHOWN]) for one in tries],
        len(webhook.tries) - len(tries),
    )


async def _audio(visit: Visit) -> Answer:
    _must_be_sandbox(visit)
    try:
        entry = parse_place(visit.path["entry"]) or 0
    except InvalidValue:
        raise NotFound("the inbox has no such entry") from None
    return wav_answer(visit, await sandbox.hear_inbox(visit.house, visit.access, entry))


async def _replay(visit: Visit) -> Answer:
    _must_be_sandbox(visit)
    webhook = visit.path["webhook"]
    if not _WEBHOOK.fullmatch(webhook):
        raise WebhookNotFound("there is no such webhook")
    await notices.replay_webhook(visit.house, visit.access, webhook)
    return visit.go(f"{visit.account.path}/phones", "webhook-replayed")


async def _advance(visit: Visit) -> Answer:
    _must_be_sandbox(visit)
    try:
        _, is_quiet = await sandbox.advance_clock(visit.house, visit.access, _step_s(visit), _once(visit))
    except MovedAlready:
        is_quiet = True
    except InvalidValue:
        error = StepInvalid("the clock is moved on by a minute to 366 days at once, and by ten years in all")
        return visit.refuse("phones.html", error, await _shown(visit))
    return visit.go(f"{visit.account.path}/phones", "clock-moved" if is_quiet else "clock-moved-but-busy")


def _step_s(visit: Visit) -> int:
    """Read by how many seconds the clock is to be moved on. Raises InvalidValue."""
    amount, unit_s = visit.field("amount") or visit.field("seconds"), UNITS.get(visit.field("unit"), 1)
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 9):
        raise InvalidValue("a number of seconds, minutes, hours or days")
    return int(amount) * unit_s


def _once(visit: Visit) -> sandbox.Alongside:
    """Have a form that is sent twice, by a double click say, move the clock on once. Raises InvalidValue."""
    once = parse_once(visit)

    async def keep(together: House, now: datetime) -> None:
        if not await keep_once(visit, together, once, now.isoformat().encode()):
            raise MovedAlready("the clock was moved on by this form before")

    return keep


async def _ask_reset(visit: Visit) -> Answer:
    _must_be_sandbox(visit)
    campaigns, calls = await visit.house.sandboxes.unfinished(visit.access.account_id)
    shown = {"campaigns": len(campaigns), "calls": len(calls), "credit_micros": CREDIT_MICROS}
    return visit.show("phones_reset.html", shown)


async def _reset(visit: Visit) -> Answer:
    _must_be_sandbox(visit)
    await sandbox.reset(visit.house, visit.access)
    return visit.go(f"{visit.account.path}/phones", "sandbox-reset")


def _must_be_sandbox(visit: Visit) -> None:
    """A live account has no simulated phones. Raises NotFound."""
    if not visit.account.is_sandbox:
        raise NotFound("only a sandbox has phones")


_PHONES = "/{account}/{mode}/phones"

PAGES = (
    Page("GET", _PHONES, Needs.VIEWER, _show),
    Page("GET", f"{_PHONES}/{{entry}}/audio.wav", Needs.VIEWER, _audio),
    Page("POST", f"{_PHONES}/webhooks/{{webhook}}/replay", Needs.MANAGER, _replay, "replay-webhook"),
    Page("POST", f"{_PHONES}/advance", Needs.MANAGER, _advance, "advance-clock"),
    Page("GET", f"{_PHONES}/reset", Needs.MANAGER, _ask_reset),
    Page("POST", f"{_PHONES}/reset", Needs.MANAGER, _reset, "reset-sandbox"),
)
