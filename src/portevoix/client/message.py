# SPDX-License-Identifier: MIT
"""Messages that were sent, and their calls, as v2 tells them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from portevoix.client.answer import Answer, reader
from portevoix.client.key import KeyPlace
from portevoix.client.page import Page, page_of
from portevoix.client.request import Request, parse_idempotency_key
from portevoix.client.shape import (
    Read,
    each,
    nullable,
    read_count,
    read_flag,
    read_micros,
    read_moment,
    read_seconds,
    read_text,
    shape,
)

#: The most calls that the service gives at once.
_CALLS_AT_ONCE = 1_000

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried again when the line is busy or nobody answers.

    Args:
        most: 0 to 5.
        spacing_s: seconds between two attempts, 60 to 86,400.
    """

    most: int = 0
    spacing_s: int = 300


@dataclass(frozen=True, slots=True)
class Message:
    """A message and how far it is. Sums are in euros.

    Args:
        kind: ``voice`` or ``deposit``.
        state: ``scheduled``, ``active``, ``paused``, ``cancelled`` or ``finished``.
        recipients: how many.
        open: of these, how many calls are not over.
        reserved: what was set aside when it was sent.
        settled: what it has cost so far.
        held: what is still set aside.
        audio, audio_name: the recording that is played, where it is one; a deleted one has no token.
        at: when it was due.
        eta: about when it will be over; ``None`` where it is, or is paused.
    """

    id: str
    kind: str
    state: str
    recipients: int
    open: int
    delivered: int
    undelivered: int
    cancelled: int
    reserved: Decimal
    settled: Decimal
    held: Decimal
    duration: timedelta
    audio: str | None
    audio_name: str | None
    text: str | None
    lang: str | None
    sender: str | None
    notify_url: str | None
    email: str | None
    retries: Retries
    is_scheduled: bool
    at: datetime
    created_at: datetime
    finished_at: datetime | None
    eta: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether every call is over; a message that was cancelled may have some that are still under way."""
        return self.open == 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """A message that was stopped.

    Args:
        released: the credit that came back at once, in euros.
    """

    message: Message
    released: Decimal


@dataclass(frozen=True, slots=True)
class Call:
    """One recipient's call. Sums are in euros.

    Args:
        number: in E.164.
        product: ``voice_mobile``, ``voice_landline`` or ``deposit``.
        state: ``scheduled``, ``ready``, ``paused``, ``claimed``, ``dialing``, ``ringing``, ``answered``, ``finished``,
            ``failed``, ``cancelled`` or ``uncertain``.
        outcome: how it ended, such as ``answered`` or ``busy``; ``None`` before.
        cause: the SIP response code of that.
        duration: from its answer on; ``None`` before its end.
        reserved: what was set aside for it.
        cost: ``None`` before its end.
        attempts: how often it was dialled.
    """

    id: str
    number: str
    product: str
    state: str
    outcome: str | None
    cause: int | None
    duration: timedelta | None
    reserved: Decimal
    cost: Decimal | None
    attempts: int
    at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a call.

    Args:
        what: such as ``accepted``, ``dialing``, ``ringing``, ``answered``, ``keys``, ``ended`` or ``settled``.
        attempt: 1 for the first.
        detail: the route, the outcome, the keys or the cost; of ``noted``, what was noted on the way.
        cause: the SIP response code of an end, where the route gave one.
    """

    at: datetime
    what: str
    attempt: int | None
    detail: str | None
    cause: int | None


@dataclass(frozen=True, slots=True)
class CallDetail(Call):
    """One recipient's call with all that happened to it, in order.

    Args:
        message: the id of the message.
    """

    message: str
    timeline: tuple[Step, ...]


def messages() -> Request[Page[Message]]:
    """Read the first page of the messages, newest first."""
    return page_of("/v2/messages", "messages", _message)


def show(message_id: str) -> Request[Message]:
    """Read one message."""
    return Request("GET", _path(message_id), KeyPlace.BEARER, read_message)


def calls(message_id: str, state: str | None) -> Request[Page[Call]]:
    """Read the first page of a message's calls, in the order of the recipients."""
    filters = None if state is None else {"state": state}
    return page_of(f"{_path(message_id)}/calls", "calls", _call, filters, limit=_CALLS_AT_ONCE)


def call(call_id: str) -> Request[CallDetail]:
    """Read one call with all that happened to it."""
    path = f"/v2/calls/{quote(call_id, safe='', errors='replace')}"
    return Request("GET", path, KeyPlace.BEARER, reader("the call", _call_detail))


def recording(call_id: str, *, alaw: bool) -> Request[bytes]:
    """Read what a call's far end said, as a WAV file."""
    path = f"/v2/calls/{quote(call_id, safe='', errors='replace')}/recording"
    return Request("GET", path, KeyPlace.BEARER, Answer.wav, query={"encoding": "alaw"} if alaw else None)


def pause(message_id: str) -> Request[Message]:
    """Hold back what has not begun."""
    return _change(message_id, "pause", read_message)


def resume(message_id: str) -> Request[Message]:
    """Let a paused message go on."""
    return _change(message_id, "resume", read_message)


def stop(message_id: str) -> Request[Stopped]:
    """Cancel what has not begun."""
    return _change(message_id, "cancel", _stopped)


def _change(message_id: str, what: str, read: Callable[[Answer], Thing]) -> Request[Thing]:
    key = parse_idempotency_key(None)
    path = f"{_path(message_id)}/{what}"
    return Request("POST", path, KeyPlace.BEARER, read, idempotency_key=key, is_repeated=True)


def _path(message_id: str) -> str:
    return f"/v2/messages/{quote(message_id, safe='', errors='replace')}"


_message: Callable[[Any], Message] = shape(
    Message,
    **dict.fromkeys(("id", "kind", "state"), read_text),
    **dict.fromkeys(("recipients", "open", "delivered", "undelivered", "cancelled"), read_count),
    **{name: (f"{name}_micros", read_micros) for name in ("reserved", "settled", "held")},
    duration=("duration_s", read_seconds),
    **dict.fromkeys(
        ("audio", "audio_name", "text", "lang", "sender", "notify_url", "email"),
        nullable(read_text),
    ),
    retries=shape(Retries, most=read_count, spacing_s=read_count),
    is_scheduled=read_flag,
    at=read_moment,
    created_at=read_moment,
    finished_at=nullable(read_moment),
    eta=nullable(read_moment),
)

_CALL: dict[str, Read | tuple[str, Read]] = {
    "id": read_text,
    "number": ("to", read_text),
    "product": read_text,
    "state": read_text,
    "outcome": nullable(read_text),
    "cause": nullable(read_count),
    "duration": ("duration_s", nullable(read_seconds)),
    "reserved": ("reserved_micros", read_micros),
    "cost": ("cost_micros", nullable(read_micros)),
    "attempts": read_count,
    "at": read_moment,
    "ended_at": nullable(read_moment),
}

_call: Callable[[Any], Call] = shape(Call, **_CALL)

_step = shape(
    Step,
    at=read_moment,
    what=read_text,
    attempt=nullable(read_count),
    detail=nullable(read_text),
    cause=nullable(read_count),
)

_call_detail: Callable[[Any], CallDetail] = shape(CallDetail, **_CALL, message=read_text, timeline=each(_step))

read_message = reader("the message", _message)


_stopped = reader("what was stopped", lambda fields: Stopped(_message(fields), read_micros(fields["released_micros"])))
