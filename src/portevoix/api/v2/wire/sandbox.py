"""The shapes of the sandbox: what its phones received, its clock, its magic numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from portevoix.api.v2.wire import notices
from portevoix.api.v2.wire.common import After, Next, Units
from portevoix.domain import notice
from portevoix.domain.call import MEANINGS, Answerer, Outcome
from portevoix.domain.campaign import call_id
from portevoix.domain.magic import BEHAVIOURS, DEFAULT_RING_S
from portevoix.domain.sandbox import FARTHEST, Received
from portevoix.service.sandbox import heard_s


class InboxQuery(Struct, frozen=True):
    """Which part of the inbox is asked for."""

    number: Annotated[str, Meta(description="Only what this phone received.")] = ""
    message: Annotated[str, Meta(description="Only what came of this message.")] = ""
    after: After = ""
    limit: Annotated[int, Meta(ge=1, le=100, description="The most items.")] = 50


class InboxEntry(Struct, frozen=True):
    """What a simulated phone received with one attempt.

    Args:
        audio_name: of the recording that was played.
        keys: what was pressed, in order.
        heard_s: how long somebody, or a machine, listened to the message: whole seconds, a part counted as one.
        is_voicemail: whether it landed on voicemail.
        audio: where what was heard can be fetched; null where nothing was.
        webhooks: what the notifyUrl was told of it.
    """

    id: str
    message: str
    call: str
    attempt: Units
    number: str
    kind: Literal["voice", "deposit"]
    text: str | None
    audio_name: str | None
    route: str
    outcome: Outcome | None
    cause: int | None
    answerer: Answerer | None
    keys: str
    heard_s: Units
    is_voicemail: bool
    dialed_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    audio: str | None
    webhooks: list[notices.Webhook]


class SentMail(Struct, frozen=True):
    """A mail, which in the sandbox goes to nobody."""

    to: str
    subject: str
    text: str
    state: str
    created_at: datetime
    message: str


class Inbox(Struct, frozen=True):
    """A page of what the phones received, newest first, and the mails that were written."""

    items: list[InboxEntry]
    mails: list[SentMail]
    next: Next


class Step(Struct, frozen=True):
    """By how much to move the clock on."""

    seconds: Annotated[int, Meta(ge=1, le=int(FARTHEST.total_seconds()))]


class Moved(Struct, frozen=True):
    """Where the clock stands.

    Args:
        is_quiet: whether all that was due by then has happened.
    """

    now: datetime
    is_quiet: bool


class MagicNumber(Struct, frozen=True):
    """What numbers with these last two digits do.

    Args:
        example: a mobile that rings for 4 s.
    """

    code: str
    example: str
    meaning: str


class MagicNumbers(Struct, frozen=True):
    """The magic numbers, by their last two digits."""

    items: list[MagicNumber]


def entry(received: Received, webhooks: Sequence[notice.Webhook]) -> InboxEntry:
    """Write what a phone received.

    Args:
        webhooks: of the page; those of this call, and of its message as a whole, are told with it.
    """
    told = [one for one in webhooks if one.campaign == received.campaign and one.position in (None, received.position)]
    return InboxEntry(
        str(received.id),
        received.campaign,
        call_id(received.campaign, received.position),
        received.attempt,
        f"+{received.number}",
        received.kind.value,
        received.text,
        received.recording,
        received.route,
        received.outcome,
        None if received.outcome is None else MEANINGS[received.outcome].cause,
        received.answerer,
        received.keys,
        heard_s(received),
        received.is_voicemail,
        received.dialed_at,
        received.ringing_at,
        received.answered_at,
        received.ended_at,
        f"/v2/sandbox/inbox/{received.id}/audio" if received.heard_samples else None,
        [notices.webhook(one) for one in told],
    )


def mail(sent: notice.SentMail) -> SentMail:
    """Write a mail."""
    return SentMail(sent.recipient, sent.subject, sent.text, sent.state, sent.created_at, sent.campaign)


def magic_numbers() -> MagicNumbers:
    """Write the table of the magic numbers."""
    return MagicNumbers([*_table(((f"{code:02}", code, it.meaning) for code, it in BEHAVIOURS.items()))])


def _table(rows: Iterable[tuple[str, int, str]]) -> Iterable[MagicNumber]:
    for name, code, meaning in (*rows, ("80-89", 80, "one of the others, drawn from the simulator's seed")):
        yield MagicNumber(name, f"+3363998{DEFAULT_RING_S:02}{code:02}", meaning)
