"""From a body to an order: JSON, or a form with a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from hashlib import sha256
from typing import Any

from starlette.datastructures import FormData, UploadFile

from portevoix.api.v2.operation import Call, parse_json
from portevoix.api.v2.wire import orders as wire
from portevoix.domain.call import Retries
from portevoix.domain.campaign import Kind, Order, RecipientsRefused, SenderInvalid
from portevoix.domain.errors import InvalidValue
from portevoix.domain.mail import EmailAddress
from portevoix.domain.number import Number, NumberInvalid
from portevoix.domain.schedule import ahead
from portevoix.domain.speech import TextMissing, Utterance
from portevoix.domain.webhook import NotifyUrl
from portevoix.web.answer import Answer
from portevoix.web.body import FILE_TIMEOUT_S, BodyTooLarge, read_body
from portevoix.web.forms import FRAME_BYTES, is_form, only_field, read_form
from portevoix.web.recipients import Recipients, entries_of

#: What a recipient may take in a body: its number as people write it, and what else a file's line has.
RECIPIENT_BYTES = 256

_PIECE_BYTES = 256 * 1_024


@dataclass(frozen=True, slots=True)
class Incoming:
    """An order as it came in.

    Args:
        recipients: who was named, and where.
    """

    order: Order
    recipients: Recipients

    @contextmanager
    def naming_lines(self) -> Iterator[None]:
        """Name the lines of recipients that are refused by a use case."""
        try:
            yield
        except RecipientsRefused as fault:
            raise RecipientsRefused(self.recipients.located(fault.refused)) from None


async def read_order(call: Call[Any, Any]) -> Incoming | Answer:
    """Read an order, unless it was answered before under the same idempotency key: then that answer.

    Raises:
        InvalidValue: the subclass says what is wrong. Recipients that are none are kept with the order instead.
        BodyTooLarge, BodyTooSlow, IdempotencyConflict.
    """
    most = call.house.policy.most_recipients
    most_bytes = most * RECIPIENT_BYTES + FRAME_BYTES
    recipients = Recipients(most)
    if not is_form(call.scope):
        raw = await read_body(call.receive, most_bytes, FILE_TIMEOUT_S)
        if (before := await call.replay.begin(call.house, raw)) is not None:
            return before
        body = parse_json(raw, wire.NewMessage)
        await recipients.take((text, None) for text in body.to)
        return Incoming(_order(call, body, recipients), recipients)
    too_large = BodyTooLarge(f"the form has more than {most_bytes} bytes")
    async with read_form(call.scope, call.receive, most_bytes, too_large, most_files=2) as form:
        file, raw = only_field(form, "file"), await _order_field(form)
        if not isinstance(file, UploadFile):
            raise InvalidValue("the form has no file in the field 'file'")
        if (before := await call.replay.begin(call.house, raw, await _digest(file))) is not None:
            return before
        fields = parse_json(raw, wire.Order)
        await recipients.take(entries_of(file.file))
    return Incoming(_order(call, fields, recipients), recipients)


async def _order_field(form: FormData) -> bytes:
    """Find the order beside the file; it may come as a file of its own."""
    field = only_field(form, "order")
    if field is None:
        raise InvalidValue("the form has no field 'order'")
    return await field.read(FRAME_BYTES) if isinstance(field, UploadFile) else field.encode()


async def _digest(file: UploadFile) -> bytes:
    digest = sha256()
    while piece := await file.read(_PIECE_BYTES):
        digest.update(piece)
    await file.seek(0)
    return digest.digest()


def _order(call: Call[Any, Any], fields: wire.Order, recipients: Recipients) -> Order:
    kind = Kind(fields.kind)
    if fields.text is not None and fields.audio is not None:
        raise InvalidValue("body: either text or audio, not both")
    if kind is Kind.DEPOSIT and fields.audio is None:
        raise InvalidValue("body: a deposit needs audio")
    if kind is Kind.VOICE and fields.email is not None:
        raise InvalidValue("body: email is for a deposit")
    due_at = None
    if fields.at is not None:
        due_at = ahead(fields.at, call.access.now(call.house.clock.now())).astimezone(UTC)
    return Order(
        kind=kind,
        numbers=recipients.numbers,
        token=fields.audio,
        utterance=None if fields.audio is not None else _utterance(fields),
        due_at=due_at,
        notify_url=None if fields.notify_url is None else NotifyUrl.parse(fields.notify_url),
        email=None if fields.email is None else EmailAddress.parse(fields.email),
        sender=None if fields.sender is None else _sender(fields.sender),
        retries=Retries(fields.retries.most, fields.retries.spacing_s),
        refused=recipients.refused,
    )


def _utterance(fields: wire.Order) -> Utterance:
    if fields.text is None:
        raise TextMissing("there is neither text nor audio")
    return Utterance.parse(fields.text, fields.lang, fields.speech_rate)


def _sender(text: str) -> Number:
    try:
        return Number.parse(text)
    except NumberInvalid:
        raise SenderInvalid("the sender is no number that can be called back") from None
