"""What customers are told: events, what their notifyUrl receives, and how each try of it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portevoix.domain.errors import DomainError, InvalidValue, NotFound


class WebhookArchived(DomainError):
    """The webhook is archived: it can be read, and is not sent again."""

    code = "webhook_archived"


class WebhookNotFound(NotFound):
    """The account has no such webhook."""

    code = "webhook_not_found"


class WebhookState(StrEnum):
    """Where a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something to be told of.

    Args:
        data: as JSON has it.
        at: when it happened, by the account's clock.
    """

    account_id: int
    type: str
    data: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """Something that a notifyUrl is to be told.

    Args:
        public_id: the message's own, the same for every try.
        call_id: the call that it tells of; ``None`` where it tells of the campaign.
        body: of a POST; of a GET, the query that is signed.
        delay_s: how long it is held back on purpose.
        copies: how often it is sent; more than once on purpose alone.
    """

    public_id: str
    account_id: int
    campaign_id: int
    call_id: int | None
    method: str
    url: str
    body: bytes
    delay_s: int = 0
    copies: int = 1


@dataclass(frozen=True, slots=True)
class NewMail:
    """A mail that is to be sent, or to be kept where it can be read.

    Args:
        kept: it goes to nobody: the sandbox's.
    """

    account_id: int
    campaign_id: int
    recipient: str
    subject: str
    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class PendingWebhook:
    """A webhook whose turn it is.

    Args:
        attempts: how often it was tried since it was made, or asked for again.
        generation: of the account's signing secret.
        rotated_at: when that took the place of the one before.
        is_gone: its destination has answered 410.
    """

    id: int
    public_id: str
    account_id: int
    method: str
    url: str
    body: bytes
    state: WebhookState
    attempts: int
    generation: int
    rotated_at: datetime | None
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a webhook.

    Args:
        status: the answer's; ``None`` where there was none.
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
    """A webhook as its account sees it, with its tries.

    Args:
        position: of the call that it tells of in its campaign.
        place: where it stands among the account's, for pages.
    """

    id: str
    campaign: str
    position: int | None
    method: str
    url: str
    body: bytes
    state: WebhookState
    created_at: datetime
    due_at: datetime | None
    tries: tuple[Try, ...]
    place: int


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail as its account sees it."""

    id: int
    campaign: str
    recipient: str
    subject: str
    text: str
    state: str
    fault: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to a request that bore an idempotency key.

    Args:
        fingerprint: a digest of the request; a repeat has the same.
    """

    fingerprint: bytes
    status: int
    content_type: str
    body: bytes


def parse_place(text: str) -> int | None:
    """Read where a page begins, as its ``next`` was written; ``None`` for the first page. Raises InvalidValue."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidValue("after: not the `next` of a page")
    return int(text)
