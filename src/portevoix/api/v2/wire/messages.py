"""The shapes of messages and calls."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from portevoix.api.v2.wire.common import After, Micros, Next, Seconds, Units
from portevoix.api.v2.wire.orders import RetryPolicy
from portevoix.domain import campaign as domain
from portevoix.domain.call import MEANINGS, CallState, Outcome
from portevoix.domain.money import format_euros
from portevoix.domain.tariff import Product
from portevoix.service.sent import Sight, SightState, Step, StepKind
from portevoix.web.sheets import lines, neutral

_CallState = Literal[
    "scheduled",
    "ready",
    "paused",
    "claimed",
    "dialing",
    "ringing",
    "answered",
    "finished",
    "failed",
    "cancelled",
    "uncertain",
]

MOST_CALLS = 1_000

CSV_COLUMNS = (
    *("id", "number", "product", "state", "outcome", "cause"),
    *("duration_s", "cost_eur", "attempts", "at", "ended_at"),
)


class Message(Struct, frozen=True):
    """A message, and how far it is.

    Args:
        open: recipients whose call is not over.
        undelivered: those who were not reached.
        reserved_micros: what was set aside: the most that it can cost.
        settled_micros: what it has cost so far.
        held_micros: what is still set aside.
        duration_s: how long it plays.
        audio: the token of the recording that is played, while the library has it.
        at: when it begins, or began.
        finished_at: when the last call was over.
        eta: about when it will be over; null where it is over or paused.
        calls_erased_at: when its calls were erased, with the recipients' numbers; null where they are there.
    """

    id: str
    kind: Literal["voice", "deposit"]
    state: SightState
    recipients: Units
    open: Units
    delivered: Units
    undelivered: Units
    cancelled: Units
    reserved_micros: Micros
    settled_micros: Micros
    held_micros: Micros
    duration_s: Seconds
    audio: str | None
    audio_name: str | None
    text: str | None
    lang: str | None
    sender: str | None
    notify_url: str | None
    email: str | None
    retries: RetryPolicy
    is_scheduled: bool
    at: datetime
    created_at: datetime
    finished_at: datetime | None
    eta: datetime | None
    calls_erased_at: datetime | None


class CancelledMessage(Message, frozen=True):
    """A message of which what had not begun was cancelled.

    Args:
        released_micros: the credit that came back.
    """

    released_micros: Micros


class MessagePage(Struct, frozen=True):
    """A page of messages, newest first."""

    items: list[Message]
    next: Next


class Call(Struct, frozen=True):
    """A call to one recipient.

    Args:
        outcome: how its last attempt ended.
        cause: the SIP response code that this is.
        duration_s: whole seconds from the answer on, a part counted as one; null while it is not over.
        reserved_micros: what was set aside for it.
        cost_micros: null while it is not over.
        at: when it is due, or was.
    """

    id: str
    to: str
    product: Product
    state: CallState
    outcome: Outcome | None
    cause: int | None
    duration_s: int | None
    reserved_micros: Micros
    cost_micros: int | None
    attempts: Units
    at: datetime
    ended_at: datetime | None


class CallPage(Struct, frozen=True):
    """A page of calls, in the order of the recipients."""

    items: list[Call]
    next: Next


class CallQuery(Struct, frozen=True):
    """Which calls of a message are asked for, and how they are to be written."""

    after: After = ""
    limit: Annotated[int, Meta(ge=1, le=MOST_CALLS, description="The most items; a CSV file has all of them.")] = 50
    state: Annotated[_CallState | None, Meta(description="Only those in this state.")] = None
    format: Annotated[
        Literal["json", "csv"] | None, Meta(description="Else what `Accept` prefers; JSON where it does not say.")
    ] = None


class TimelineStep(Struct, frozen=True):
    """Something that happened to a call.

    Args:
        attempt: the attempt that it belongs to, 1 for the first.
        detail: the route, the outcome, the keys, when the next attempt is, the cost in euros, or what was noted on the
            way, such as a machine's beep.
        cause: the SIP response code of an end, where the route gave one.
    """

    at: datetime
    what: StepKind
    attempt: int | None
    detail: str | None
    cause: int | None


class CallTimeline(Call, frozen=True):
    """A call, with all that happened to it, in order."""

    message: str
    timeline: list[TimelineStep]


def message(sight: Sight) -> Message:
    """Write a message."""
    seen = sight.campaign
    token, name = seen.recording or (None, None)
    return Message(
        id=seen.id,
        kind=seen.kind.value,
        state=sight.state,
        recipients=seen.total,
        open=seen.open,
        delivered=seen.delivered,
        undelivered=seen.total - seen.open - seen.delivered - seen.cancelled,
        cancelled=seen.cancelled,
        reserved_micros=seen.reserved_micros,
        settled_micros=seen.settled_micros,
        held_micros=seen.held_micros,
        duration_s=float(seen.duration_s),
        audio=token,
        audio_name=name,
        text=seen.text,
        lang=seen.language,
        sender=f"+{seen.sender}" if seen.sender else None,
        notify_url=seen.notify_url,
        email=seen.email,
        retries=RetryPolicy(seen.retries.most, seen.retries.spacing_s),
        is_scheduled=seen.is_scheduled,
        at=seen.due_at,
        created_at=seen.created_at,
        finished_at=seen.finished_at,
        eta=sight.ends_at,
        calls_erased_at=seen.calls_erased_at,
    )


def cancelled_message(sight: Sight, released_micros: int) -> CancelledMessage:
    """Write a message that was cancelled."""
    return CancelledMessage(**structs.asdict(message(sight)), released_micros=released_micros)


def call(seen: domain.Call) -> Call:
    """Write a call."""
    return Call(
        id=seen.id,
        to=f"+{seen.number}",
        product=seen.product,
        state=seen.state,
        outcome=seen.outcome,
        cause=None if seen.outcome is None else MEANINGS[seen.outcome].cause,
        duration_s=seen.duration_s,
        reserved_micros=seen.reserved_micros,
        cost_micros=seen.cost_micros,
        attempts=seen.attempts,
        at=seen.due_at,
        ended_at=seen.ended_at,
    )


def call_timeline(seen: domain.Timeline, steps: Iterable[Step]) -> CallTimeline:
    """Write a call with what happened to it."""
    told = [TimelineStep(*step) for step in steps]
    return CallTimeline(**structs.asdict(call(seen.call)), message=seen.campaign, timeline=told)


def csv_header() -> bytes:
    """Write the first line of a file of calls (RFC 4180)."""
    return lines([CSV_COLUMNS])


def csv_calls(calls: Iterable[domain.Call]) -> bytes:
    """Write calls as lines of a file."""
    return lines(_cells(call(one)) for one in calls)


def _cells(told: Call) -> list[str]:
    """Write a call's cells; a number keeps its plus, with which this file can be sent back as recipients."""
    cost = None if told.cost_micros is None else format_euros(told.cost_micros)
    others = (
        *(told.product, told.state, told.outcome, told.cause, told.duration_s, cost, told.attempts),
        *(_moment(told.at), _moment(told.ended_at)),
    )
    return [neutral(told.id), told.to, *("" if cell is None else neutral(str(cell)) for cell in others)]


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
