"""The shapes of orders and quotes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from portevoix.api.v2.wire.common import Micros, Seconds, Units
from portevoix.domain.campaign import Refused
from portevoix.domain.speech import SpeechLimits
from portevoix.domain.tariff import Product
from portevoix.service.campaigns import Quote

_Text = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": SpeechLimits().characters})]


class RetryPolicy(Struct, frozen=True):
    """How often a call is tried again where the line is busy or nobody answers."""

    most: Annotated[int, Meta(ge=0, le=5, description="New attempts at most.")] = 0
    spacing_s: Annotated[int, Meta(ge=60, le=86_400, description="From one attempt's end to the next.")] = 300


class Order(Struct, frozen=True, kw_only=True):
    """What to send, when and how; its recipients are in a file."""

    kind: Annotated[Literal["voice", "deposit"], Meta(description="Ring and play, or leave it on voicemail.")] = "voice"
    text: Annotated[_Text | None, Meta(description="What to say; else `audio`.")] = None
    lang: str = "fr"
    speech_rate: Annotated[float | str, Meta(description="0.5 to 2; beyond these, the nearest.")] = 1
    audio: Annotated[str | None, Meta(description="The token of a recording; else `text`.")] = None
    at: Annotated[Annotated[datetime, Meta(tz=True)] | None, Meta(description="When to begin; null for at once.")] = (
        None
    )
    notify_url: Annotated[str | None, Meta(description="What is told of the outcome.")] = None
    email: Annotated[str | None, Meta(description="Who is written to when a deposit is over.")] = None
    sender: Annotated[str | None, Meta(description="The number that is shown; it must have been verified.")] = None
    retries: RetryPolicy = RetryPolicy()


class NewMessage(Order, frozen=True, kw_only=True):
    """What to send, when, how and to whom."""

    to: Annotated[list[str], Meta(description="Numbers, as people write them.")]


class RefusedNumber(Struct, frozen=True):
    """A recipient that cannot be called.

    Args:
        value: as it was given, cut after 40 characters.
        line: of the file that it stands in; null where there is no file.
        reason: what is wrong, in English.
    """

    value: str
    line: int | None
    reason: str


class QuotedRecipient(Struct, frozen=True):
    """A recipient with the most that its call can cost."""

    to: str
    product: Product
    most_micros: Micros


class QuoteAnswer(Struct, frozen=True):
    """What an order would cost; nothing is reserved.

    Args:
        recipients: those that can be called.
        duration_s: how long the message plays.
        billable_s: whole seconds of a call that plays it to its end.
        total_micros: the most that all of it can cost.
        ends_at: about when it would be over.
        is_affordable: whether the available credit covers it now.
    """

    recipients: Units
    refused: list[RefusedNumber]
    duration_s: Seconds
    billable_s: Units
    total_micros: Micros
    items: list[QuotedRecipient]
    begins_at: datetime
    ends_at: datetime
    is_affordable: bool


def refused_number(refused: Refused) -> RefusedNumber:
    """Write a recipient that was refused."""
    return RefusedNumber(refused.text, refused.line, refused.reason)


def quote_answer(quote: Quote, refused: Iterable[Refused], available_micros: int) -> QuoteAnswer:
    """Write a quote.

    Args:
        refused: its own, each with its line.
        available_micros: what the account may spend now.
    """
    return QuoteAnswer(
        len(quote.priced),
        [refused_number(one) for one in refused],
        float(quote.message.audio.duration_s),
        quote.message.billable_s,
        quote.total_micros,
        [QuotedRecipient(str(one.number), one.product, one.most_micros) for one in quote.priced],
        quote.begins_at,
        quote.ends_at,
        quote.total_micros <= available_micros,
    )
