# SPDX-License-Identifier: MIT
"""Webhooks: what was told to whom, how each try ended, and what they are signed with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from portevoix.client.answer import reader
from portevoix.client.key import KeyPlace
from portevoix.client.page import Page, page_of
from portevoix.client.request import Request, parse_idempotency_key
from portevoix.client.shape import each, nullable, read_count, read_moment, read_text, shape


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver a webhook.

    Args:
        number: 1 for the first.
        status: the HTTP status of the answer; ``None`` where there was none.
        fault: why there was none.
        body: a cut of the answer's.
    """

    number: int
    at: datetime
    status: int | None
    fault: str | None
    body: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """Something that a notifyUrl was to be told.

    Args:
        id: its ``webhook-id``, the same for every try.
        message: the id of the message that it tells of.
        call: of the call; ``None`` where it tells of the whole message.
        method: ``POST`` or ``GET``.
        body: of a POST; of a GET, the query that is signed.
        state: ``pending``, ``delivered``, ``dead`` or ``disabled``.
        due_at: when it is tried again.
    """

    id: str
    message: str
    call: str | None
    method: str
    url: str
    body: str
    state: str
    created_at: datetime
    due_at: datetime | None
    tries: tuple[Try, ...]


def webhooks(state: str | None) -> Request[Page[Webhook]]:
    """Read the first page of the webhooks, newest first."""
    return page_of("/v2/webhooks", "webhooks", read_webhook, None if state is None else {"state": state})


def show(webhook_id: str) -> Request[Webhook]:
    """Read one webhook."""
    return Request("GET", _path(webhook_id), KeyPlace.BEARER, _read)


def replay(webhook_id: str) -> Request[Webhook]:
    """Send a webhook again."""
    key = parse_idempotency_key(None)
    path = f"{_path(webhook_id)}/replay"
    return Request("POST", path, KeyPlace.BEARER, _read, idempotency_key=key, is_repeated=True)


def _path(webhook_id: str) -> str:
    return f"/v2/webhooks/{quote(webhook_id, safe='', errors='replace')}"


read_webhook = shape(
    Webhook,
    id=read_text,
    message=read_text,
    call=nullable(read_text),
    method=read_text,
    url=read_text,
    body=read_text,
    state=read_text,
    created_at=read_moment,
    due_at=nullable(read_moment),
    tries=each(
        shape(
            Try,
            number=read_count,
            at=read_moment,
            status=nullable(read_count),
            fault=nullable(read_text),
            body=read_text,
            duration_ms=read_count,
        )
    ),
)

_read = reader("the webhook", read_webhook)
_read_secret = reader("the secret", lambda fields: read_text(fields["secret"]))

SECRET = Request("GET", "/v2/webhook-secret", KeyPlace.BEARER, _read_secret)


def rotate_secret() -> Request[str]:
    """Have another secret."""
    key = parse_idempotency_key(None)
    path = "/v2/webhook-secret/rotate"
    return Request("POST", path, KeyPlace.BEARER, _read_secret, idempotency_key=key, is_repeated=True)
