"""The shapes of events and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from portevoix.api.v2.wire.common import After, Next, Units
from portevoix.domain import account, notice
from portevoix.domain.campaign import call_id
from portevoix.service.events import SignedNotice

_State = Literal["pending", "delivered", "dead", "disabled"]


class EventQuery(Struct, frozen=True):
    """From where on events are asked for."""

    after: Annotated[
        str, Meta(description="The `id` of the last event that is known, 0 for all there are; else those from now on.")
    ] = ""
    signed: Annotated[
        bool, Meta(description="Whether events come with the webhook that they are, signed, to be forwarded.")
    ] = False


class Forward(Struct, frozen=True, omit_defaults=True):
    """The webhook that tells of an event, signed as Standard Webhooks has it.

    Args:
        body: of a POST.
        query: of a GET: all that is to follow the question mark.
    """

    method: Literal["POST", "GET"]
    headers: Mapping[str, str]
    body: str | UnsetType = UNSET
    query: str | UnsetType = UNSET


class Event(Struct, frozen=True):
    """Something that happened to the account, as the `data` of a server-sent event."""

    id: str
    type: str
    at: datetime
    data: Mapping[str, Any]
    webhook: Forward | UnsetType = UNSET


class WebhookQuery(Struct, frozen=True):
    """Which webhooks are asked for."""

    after: After = ""
    limit: Annotated[int, Meta(ge=1, le=100, description="The most items.")] = 50
    state: Annotated[_State | None, Meta(description="Only those in this state.")] = None


class WebhookTry(Struct, frozen=True):
    """A try to deliver a webhook.

    Args:
        status: of the receiver's answer; null where there was none.
        fault: why there was none, in English.
        body: a cut of the answer's.
    """

    number: Units
    at: datetime
    status: int | None
    fault: str | None
    body: str
    duration_ms: Units


class Webhook(Struct, frozen=True):
    """What a notifyUrl is told, once or, until it is taken, again.

    Args:
        id: the `webhook-id` of every try.
        call: the call that it tells of; null where it tells of the message.
        body: of a POST; of a GET, its query.
        due_at: when the next try is; null where there is none.
    """

    id: str
    message: str
    call: str | None
    method: Literal["POST", "GET"]
    url: str
    body: str
    state: _State
    created_at: datetime
    due_at: datetime | None
    tries: list[WebhookTry]


class WebhookPage(Struct, frozen=True):
    """A page of webhooks, newest first."""

    items: list[Webhook]
    next: Next


class Secret(Struct, frozen=True):
    """What the account's webhooks are signed with."""

    secret: str


def event(happened: account.Event, signed: SignedNotice | None) -> Event:
    """Write an event, with the webhook that tells of it where it is asked for."""
    webhook: Forward | UnsetType = UNSET
    if signed is not None:
        place = {"body": signed.payload} if signed.method == "POST" else {"query": signed.payload}
        webhook = Forward("POST" if signed.method == "POST" else "GET", signed.headers, **place)
    return Event(str(happened.id), happened.type, happened.at, happened.data, webhook)


def webhook(kept: notice.Webhook) -> Webhook:
    """Write a webhook."""
    return Webhook(
        kept.id,
        kept.campaign,
        None if kept.position is None else call_id(kept.campaign, kept.position),
        "POST" if kept.method == "POST" else "GET",
        kept.url,
        kept.body.decode("utf-8", "replace"),
        kept.state.value,
        kept.created_at,
        kept.due_at,
        [WebhookTry(one.number, one.at, one.status, one.fault, one.body, one.duration_ms) for one in kept.tries],
    )
