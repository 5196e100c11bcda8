"""POST /v1/tts/send, POST /v1/campaign/send, DELETE /v1/campaign/cancel: sending, and thinking better of it."""

from __future__ import annotations

from portevoix.api import tricks
from portevoix.api.v1 import orders, wire
from portevoix.api.v1.operation import Call, Operation
from portevoix.api.v1.refusals import TokenMissing
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
from portevoix.domain.number import NumbersMissing, TooManyNumbers
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
from portevoix.service import campaigns

_SENDING = (
    NumbersMissing,
    TooManyNumbers,
    RecipientsRefused,
    NotifyUrlInvalid,
    ScheduledDateInvalid,
    RecordingNotFound,
    InsufficientCredit,
    NoRoute,
    CapReached,
)


async def _tts(call: Call[wire.TtsRequest]) -> wire.TtsSent:
    order = orders.voice(call.body)
    tricks.before(call.access, order.numbers)
    sent = await campaigns.send(call.house, call.access, order, call.alongside(wire.tts_sent))
    await tricks.after(call.access, order.numbers, call.receive)
    return wire.tts_sent(sent)


async def _deposit(call: Call[wire.DepositRequest]) -> wire.DepositSent:
    order = orders.deposit(call.body)
    tricks.before(call.access, order.numbers)
    sent = await campaigns.send(call.house, call.access, order, call.alongside(wire.deposit_sent))
    await tricks.after(call.access, order.numbers, call.receive)
    return wire.deposit_sent(sent)


async def _cancel(call: Call[None]) -> wire.Cancelled:
    cancelled, released_micros = await campaigns.cancel(call.house, call.access, call.path["campaignId"], whole=True)
    return wire.cancelled(cancelled.id, released_micros)


TTS = Operation(
    name="tts_send",
    method="POST",
    paths=("/v1/tts/send",),
    summary="Send a voice SMS",
    description=(
        "Rings each phone, and plays the text or the recording when it is answered. Each comma in `text` is a pause of "
        "0.5 s. `scheduledDate` is Paris time. One bad number refuses the whole request, names every bad one, and "
        "charges nothing. `cost` is what is set aside: the most that the calls can cost."
    ),
    limit="tts",
    scope=Scope.SEND,
    answer=wire.TtsSent,
    run=_tts,
    body=wire.TtsRequest,
    refusals=(
        *_SENDING,
        TextMissing,
        TextTooLong,
        LanguageInvalid,
        SpeechRateInvalid,
        SpeechFailed,
        SpeechUnavailable,
    ),
)

DEPOSIT = Operation(
    name="campaign_send",
    method="POST",
    paths=("/v1/campaign/send",),
    summary="Leave a message on voicemail",
    description=(
        "A mobile: straight to its voicemail, without ringing. A landline rings, and the message is left only if the "
        "recipient does not answer. `sender` is a number that can be called back, verified for the account."
    ),
    limit="deposit",
    scope=Scope.SEND,
    answer=wire.DepositSent,
    run=_deposit,
    body=wire.DepositRequest,
    refusals=(*_SENDING, TokenMissing, EmailInvalid, SenderInvalid, SenderNotAuthorized, NoDepositRoute),
)

CANCEL = Operation(
    name="campaign_cancel",
    method="DELETE",
    paths=("/v1/campaign/cancel/{apiKey}/{campaignId}", "/v1/campaign/cancel/{campaignId}"),
    summary="Cancel a scheduled send",
    description="Cancels a scheduled send that has not begun, and gives its credit back.",
    limit="cancel",
    scope=Scope.SEND,
    answer=wire.Cancelled,
    run=_cancel,
    refusals=(CampaignBegun, CampaignNotFound),
)
