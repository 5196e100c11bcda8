# SPDX-License-Identifier: MIT
"""The sandbox: what its phones received, and its clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from portevoix.client.answer import Answer, reader
from portevoix.client.key import KeyPlace
from portevoix.client.page import Page, page_of
from portevoix.client.request import Request, parse_idempotency_key
from portevoix.client.shape import (
    each,
    nullable,
    read_count,
    read_flag,
    read_id,
    read_moment,
    read_seconds,
    read_text,
    shape,
)
from portevoix.client.webhook import Webhook, read_webhook

_INBOX = "/v2/sandbox/inbox"

#: Moving the clock on waits until what was due has happened.
_ADVANCE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Received:
    """What a simulated phone received with one attempt.

    Args:
        id: names it in the inbox.
        message, call, attempt: what it was an attempt of.
        number: the phone's, in E.164.
        kind: ``voice`` or ``deposit``.
        text: what was said, where it was a text.
        audio_name: the name of the recording that was played, where it was one.
        outcome: how it ended, such as ``answered``; ``None`` before.
        cause: the SIP response code of that.
        answerer: ``person``, ``machine`` or ``unknown``; ``None`` before its end.
        keys: what was pressed.
        heard: how much of the message was played.
        is_voicemail: whether it landed on voicemail.
        has_audio: whether there is something to listen to.
        webhooks: those that followed.
    """

    id: str
    message: str
    call: str
    attempt: int
    number: str
    kind: str
    text: str | None
    audio_name: str | None
    route: str
    outcome: str | None
    cause: int | None
    answerer: str | None
    keys: str
    heard: timedelta
    is_voicemail: bool
    dialed_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    has_audio: bool
    webhooks: tuple[Webhook, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that would have been sent."""

    to: str
    subject: str
    text: str
    state: str
    created_at: datetime
    message: str | None


@dataclass(frozen=True, slots=True)
class Advanced:
    """The sandbox's clock after it was moved on.

    Args:
        now: what it shows.
        is_quiet: whether all that was due by then has happened.
    """

    now: datetime
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class MagicNumber:
    """What the simulated phones of some numbers do.

    Args:
        code: the last two digits.
        example: a number with them.
        meaning: for people.
    """

    code: str
    example: str
    meaning: str


def inbox(number: str | None, message_id: str | None) -> Request[Page[Received]]:
    """Read the first page of what was received, newest first."""
    filters = {name: value for name, value in (("number", number), ("message", message_id)) if value is not None}
    return page_of(_INBOX, "what was received", _received, filters)


def audio(entry: Received | str) -> Request[bytes]:
    """Read what was heard, as a WAV file."""
    named = quote(entry.id if isinstance(entry, Received) else entry, safe="", errors="replace")
    return Request("GET", f"{_INBOX}/{named}/audio", KeyPlace.BEARER, Answer.wav)


def advance(seconds: int) -> Request[Advanced]:
    """Move the clock on."""
    return Request(
        "POST",
        "/v2/sandbox/advance",
        KeyPlace.BEARER,
        reader("the clock", shape(Advanced, now=read_moment, is_quiet=read_flag)),
        body={"seconds": seconds},
        idempotency_key=parse_idempotency_key(None),
        is_repeated=True,
        least_timeout_s=_ADVANCE_TIMEOUT_S,
    )


def reset() -> Request[None]:
    """Begin anew."""
    return Request(
        "POST",
        "/v2/sandbox/reset",
        KeyPlace.BEARER,
        Answer.nothing,
        idempotency_key=parse_idempotency_key(None),
        is_repeated=True,
        least_timeout_s=_ADVANCE_TIMEOUT_S,
    )


_received: Callable[[Any], Received] = shape(
    Received,
    id=read_id,
    message=read_text,
    call=read_text,
    attempt=read_count,
    number=read_text,
    kind=read_text,
    text=nullable(read_text),
    audio_name=nullable(read_text),
    route=read_text,
    outcome=nullable(read_text),
    cause=nullable(read_count),
    answerer=nullable(read_text),
    keys=read_text,
    heard=("heard_s", read_seconds),
    is_voicemail=read_flag,
    dialed_at=read_moment,
    ringing_at=nullable(read_moment),
    answered_at=nullable(read_moment),
    ended_at=nullable(read_moment),
    has_audio=("audio", lambda value: value is not None),
    webhooks=each(read_webhook),
)

_mail = shape(
    Mail,
    to=read_text,
    subject=read_text,
    text=read_text,
    state=read_text,
    created_at=read_moment,
    message=nullable(read_text),
)

_magic = shape(MagicNumber, code=read_text, example=read_text, meaning=read_text)

CLEAR = Request("DELETE", _INBOX, KeyPlace.BEARER, Answer.nothing)

MAILS = Request(
    "GET",
    _INBOX,
    KeyPlace.BEARER,
    reader("the mails", lambda fields: list(each(_mail)(fields["mails"]))),
    query={"limit": "1"},
)

NUMBERS = Request(
    "GET",
    "/v2/sandbox/numbers",
    KeyPlace.BEARER,
    reader("the magic numbers", lambda fields: list(each(_magic)(fields["items"]))),
)
