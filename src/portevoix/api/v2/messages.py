"""/v2/quotes and /v2/messages: what a message would cost; sending it, and stopping it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from portevoix.api import tricks
from portevoix.api.v2.operation import Call, Form, Operation
from portevoix.api.v2.orders import read_order
from portevoix.api.v2.wire import messages as wire
from portevoix.api.v2.wire.common import Page, cut
from portevoix.api.v2.wire.orders import NewMessage, Order, QuoteAnswer, quote_answer
from portevoix.domain.account import Scope
from portevoix.domain.campaign import (
    CampaignBegun,
    CampaignNotFound,
    RecipientsRefused,
    SenderInvalid,
    SenderNotAuthorized,
)
from portevoix.domain.errors import InsufficientCredit
from portevoix.domain.mail import EmailInvalid
from portevoix.domain.notice import parse_place
from portevoix.domain.number import NumbersMissing, TooManyNumbers
from portevoix.domain.placing import Placing
from portevoix.domain.recording import RecordingNotFound
from portevoix.domain.routing import NoDepositRoute, NoRoute
from portevoix.domain.safety import CapReached
from portevoix.domain.schedule import ScheduledDateInvalid
from portevoix.domain.speech import (
    LanguageInvalid,
    SpeechFailed,
    SpeechRateInvalid,
    SpeechUnavailable,
    TextMissing,
    TextTooLong,
)
from portevoix.domain.webhook import NotifyUrlInvalid
from portevoix.ports import House
from portevoix.service import campaigns, sent
from portevoix.web.answer import Answer

_ORDER = (
    NumbersMissing,
    TooManyNumbers,
    TextMissing,
    TextTooLong,
    LanguageInvalid,
    SpeechRateInvalid,
    NotifyUrlInvalid,
    EmailInvalid,
    SenderInvalid,
    ScheduledDateInvalid,
    RecordingNotFound,
    SpeechFailed,
    SpeechUnavailable,
    NoRoute,
    NoDepositRoute,
)
_FORM = Form("text/csv", "order", Order)

_Run = Callable[[Call[None, None]], Awaitable[wire.Message]]


async def _quote(call: Call[None, None]) -> QuoteAnswer | Answer:
    incoming = await read_order(call)
    if isinstance(incoming, Answer):
        return incoming
    quote = await campaigns.quote(call.house, call.access, incoming.order)
    return quote_answer(quote, incoming.recipients.located(quote.refused), call.access.available_micros)


async def _send(call: Call[None, None]) -> Answer:
    incoming = await read_order(call)
    if isinstance(incoming, Answer):
        return incoming
    order = incoming.order
    tricks.before(call.access, order.numbers)

    def answer(placing: Placing) -> Answer:
        return call.success(201, wire.message(sent.see_placed(call.house, placing)))

    async def keep(together: House, placing: Placing) -> None:
        await call.replay.keep(together, answer(placing))

    with incoming.naming_lines():
        placing = await campaigns.send(call.house, call.access, order, keep)
    await tricks.after(call.access, order.numbers, call.receive)
    return answer(placing)


async def _list(call: Call[Page, None]) -> wire.MessagePage:
    found = await sent.list_campaigns(call.house, call.access, parse_place(call.query.after), call.query.limit + 1)
    page, last = cut(found, call.query.limit)
    items = [wire.message(sent.see(call.house, call.access, one)) for _, one in page]
    return wire.MessagePage(items, None if last is None else str(last[0]))


async def _show(call: Call[None, None]) -> wire.Message:
    found = await sent.find_campaign(call.house, call.access, call.path["message"])
    return wire.message(sent.see(call.house, call.access, found))


async def _pause(call: Call[None, None]) -> wire.Message:
    paused = await campaigns.pause(call.house, call.access, call.path["message"])
    return wire.message(sent.see(call.house, call.access, paused))


async def _resume(call: Call[None, None]) -> wire.Message:
    resumed = await campaigns.resume(call.house, call.access, call.path["message"])
    return wire.message(sent.see(call.house, call.access, resumed))


async def _cancel(call: Call[None, None]) -> wire.CancelledMessage:
    cancelled, released_micros = await campaigns.cancel(call.house, call.access, call.path["message"], whole=False)
    return wire.cancelled_message(sent.see(call.house, call.access, cancelled), released_micros)


def _change(
    name: str, summary: str, description: str, run: _Run, answer: type[wire.Message] = wire.Message
) -> Operation:
    """Declare a change of a message that was sent."""
    return Operation(
        name=f"{name}_message",
        method="POST",
        path=f"/v2/messages/{{message}}/{name}",
        summary=summary,
        description=description,
        scope=Scope.SEND,
        answer=answer,
        run=run,
        is_one_transaction=True,
        refusals=(CampaignNotFound, CampaignBegun),
    )


MESSAGE_OPERATIONS = (
    Operation(
        name="quote",
        method="POST",
        path="/v2/quotes",
        summary="Price a message",
        description=(
            "What a message would cost each recipient at most, and when it would be over. Nothing is reserved. Numbers "
            "that cannot be called are listed, and do not refuse the rest. Takes what `POST /v2/messages` takes."
        ),
        scope=Scope.READ,
        answer=QuoteAnswer,
        run=_quote,
        body=NewMessage,
        upload=_FORM,
        refusals=_ORDER,
    ),
    Operation(
        name="send_message",
        method="POST",
        path="/v2/messages",
        summary="Send a message",
        description=(
            "Calls each recipient and plays a text or a recording, or leaves a recording on voicemail. The most that "
            "it can cost is set aside at once. One bad number refuses all, names every bad one in `errors`, and "
            "charges nothing. Recipients may be in a CSV file, sent as a form: `file`, and `order`, JSON without `to`."
        ),
        scope=Scope.SEND,
        answer=wire.Message,
        run=_send,
        status=201,
        body=NewMessage,
        upload=_FORM,
        refusals=(*_ORDER, RecipientsRefused, InsufficientCredit, SenderNotAuthorized, CapReached),
    ),
    Operation(
        name="list_messages",
        method="GET",
        path="/v2/messages",
        summary="List the messages",
        description="The account's messages, newest first, a page at a time.",
        scope=Scope.READ,
        answer=wire.MessagePage,
        run=_list,
        query=Page,
    ),
    Operation(
        name="show_message",
        method="GET",
        path="/v2/messages/{message}",
        summary="Show a message",
        description="How far a message is, what it has cost so far, and about when it will be over.",
        scope=Scope.READ,
        answer=wire.Message,
        run=_show,
        refusals=(CampaignNotFound,),
    ),
    _change("pause", "Pause a message", "Holds back the calls that have not begun, until it is resumed.", _pause),
    _change("resume", "Resume a message", "Lets a paused message go on.", _resume),
    _change(
        "cancel",
        "Cancel a message",
        "Cancels the calls that have not begun, and sets their credit free at once. Calls under way go on.",
        _cancel,
        wire.CancelledMessage,
    ),
)
