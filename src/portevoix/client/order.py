# SPDX-License-Identifier: MIT
"""What is sent through v2, and what it would cost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from portevoix.client.answer import reader
from portevoix.client.errors import Fault
from portevoix.client.key import KeyPlace
from portevoix.client.message import Message, Retries, read_message
from portevoix.client.request import Form, Request, parse_idempotency_key
from portevoix.client.shape import (
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
from portevoix.client.upload import Progress, metered

#: From how many recipients on an answer may take long.
_MANY = 1_000
_MANY_TIMEOUT_S = 120.0

_FILENAME = "numbers.csv"


@dataclass(frozen=True, slots=True)
class Order:
    """A message, and who is to get it.

    Args:
        numbers: the recipients, French national or international; none where a file is sent with it.
        text: what is said; each comma is a pause of 0.5 s. Either this or ``audio``.
        audio: the token of the recording that is played.
        kind: ``voice`` (the phone rings) or ``deposit`` (left on voicemail; needs ``audio``).
        lang: the text's language tag (BCP 47); the service's default is ``fr``.
        speech_rate: 0.5 (half as fast) to 2.
        at: when to begin, with its time zone; ``None`` for at once.
        notify_url: what is told of each recipient, or of the end of a deposit.
        email: what is told of the end of a deposit.
        sender: the number that is shown; it must have been verified.
        retries: for the busy, and for those who do not answer; none by default.
    """

    numbers: Sequence[str] | str = ()
    text: str | None = None
    audio: str | None = None
    kind: str = "voice"
    lang: str | None = None
    speech_rate: float | None = None
    at: datetime | None = None
    notify_url: str | None = None
    email: str | None = None
    sender: str | None = None
    retries: Retries | None = None

    def __post_init__(self) -> None:
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError("the moment to begin needs a time zone")

    def terms(self) -> dict[str, object]:
        """Write all of it but the recipients, as JSON has it."""
        fields = {
            "kind": self.kind,
            "text": self.text,
            "audio": self.audio,
            "lang": self.lang,
            "speech_rate": self.speech_rate,
            "at": None if self.at is None else self.at.isoformat(),
            "notify_url": self.notify_url,
            "email": self.email,
            "sender": self.sender,
            "retries": None
            if self.retries is None
            else {"most": self.retries.most, "spacing_s": self.retries.spacing_s},
        }
        return {name: value for name, value in fields.items() if value is not None}

    def body(self) -> dict[str, object]:
        """Write all of it, as JSON has it."""
        return {"to": self.recipients(), **self.terms()}

    def recipients(self) -> list[str]:
        """List the recipients."""
        return [self.numbers] if isinstance(self.numbers, str) else list(self.numbers)


@dataclass(frozen=True, slots=True)
class Price:
    """What one recipient can cost.

    Args:
        number: in E.164.
        product: ``voice_mobile``, ``voice_landline`` or ``deposit``.
        most: in euros.
    """

    number: str
    product: str
    most: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would cost. Nothing was reserved.

    Args:
        recipients: how many would be called.
        refused: each number that would be refused.
        duration: of the message.
        billable_s: whole seconds of a call that plays it to its end.
        total: the most that all of it can cost, in euros.
        prices: one for each recipient.
        begins_at, ends_at: when it would begin, and about when it would be over.
        is_affordable: whether the credit covers it.
    """

    recipients: int
    refused: tuple[Fault, ...]
    duration: timedelta
    billable_s: int
    total: Decimal
    prices: tuple[Price, ...]
    begins_at: datetime
    ends_at: datetime
    is_affordable: bool


@contextmanager
def pricing(order: Order, file: str | os.PathLike[str] | bytes | None) -> Iterator[Request[Quote]]:
    """Make the request that prices an order. It spends nothing, so it bears no key. Raises as ``sending`` does."""
    with _carried(order, file, None) as (body, form, timeout_s):
        yield Request(
            "POST", "/v2/quotes", KeyPlace.BEARER, _read_quote, body=body, form=form, least_timeout_s=timeout_s
        )


@contextmanager
def sending(
    order: Order,
    file: str | os.PathLike[str] | bytes | None,
    idempotency_key: str | None,
    progress: Progress | None,
) -> Iterator[Request[Message]]:
    """Make the request that sends an order; its file stays open for as long as it takes.

    Raises:
        OSError: the file cannot be read.
        ValueError: recipients in the order beside a file, or a bad idempotency key.
    """
    key = parse_idempotency_key(idempotency_key)
    with _carried(order, file, progress) as (body, form, timeout_s):
        yield Request(
            "POST",
            "/v2/messages",
            KeyPlace.BEARER,
            read_message,
            body=body,
            form=form,
            idempotency_key=key,
            is_repeated=True,
            least_timeout_s=timeout_s,
        )


@contextmanager
def _carried(
    order: Order, file: str | os.PathLike[str] | bytes | None, progress: Progress | None
) -> Iterator[tuple[dict[str, object] | None, Form | None, float]]:
    """Write an order as a JSON body, or as a form with its file; and how long its answer may take."""
    recipients = order.recipients()
    if file is None:
        yield order.body(), None, _MANY_TIMEOUT_S if len(recipients) > _MANY else 0
        return
    if recipients:
        raise ValueError("the recipients are in the order or in the file, not in both")
    with metered(file, progress) as source:
        yield None, Form(source, _FILENAME, {"order": json.dumps(order.terms()).encode("ascii")}), _MANY_TIMEOUT_S


_read_price = shape(Price, number=("to", read_text), product=read_text, most=("most_micros", read_micros))

_quote: Callable[[Any], Quote] = shape(
    Quote,
    recipients=read_count,
    refused=each(shape(Fault, value=read_text, reason=read_text, line=nullable(read_count))),
    duration=("duration_s", read_seconds),
    billable_s=read_count,
    total=("total_micros", read_micros),
    prices=("items", each(_read_price)),
    begins_at=read_moment,
    ends_at=read_moment,
    is_affordable=read_flag,
)


_read_quote = reader("the quote", _quote)
