"""From the bodies of v1 to orders: what real clients send is put up with, and checked once."""

from __future__ import annotations

from portevoix.api.v1.refusals import TokenMissing
from portevoix.api.v1.wire import DepositRequest, Phones, TtsRequest
from portevoix.domain.campaign import Kind, Order, Refused, SenderInvalid
from portevoix.domain.mail import EmailAddress
from portevoix.domain.number import Number, NumberInvalid, parse_numbers, split_numbers
from portevoix.domain.schedule import parse_paris
from portevoix.domain.speech import TextMissing, Utterance
from portevoix.domain.webhook import NotifyUrl

#: Of one request.
MOST_NUMBERS = 500


def voice(body: TtsRequest) -> Order:
    """Read a voice SMS.

    Raises:
        NumbersMissing, TooManyNumbers, TextMissing, TextTooLong, LanguageInvalid,
        SpeechRateInvalid, NotifyUrlInvalid, ScheduledDateInvalid, RecordingNotFound (a token that none can be).
    """
    numbers, refused = _numbers(body.phone_numbers)
    utterance = None
    if not body.token_audio:
        if not body.text:
            raise TextMissing("there is no text")
        rate = next((rate for rate in (body.speech_rate, body.speed) if rate not in (None, "")), 1)
        utterance = Utterance.parse(body.text, body.lang or "fr", rate)
    return Order(
        kind=Kind.VOICE,
        numbers=numbers,
        token=body.token_audio or None,
        utterance=utterance,
        due_at=parse_paris(body.scheduled_date) if body.scheduled_date else None,
        notify_url=NotifyUrl.parse(body.notify_url) if body.notify_url else None,
        refused=refused,
    )


def deposit(body: DepositRequest) -> Order:
    """Read a voicemail deposit.

    Raises:
        NumbersMissing, TooManyNumbers, TokenMissing, EmailInvalid, SenderInvalid, NotifyUrlInvalid,
        ScheduledDateInvalid, RecordingNotFound (a token that none can be).
    """
    if not body.token_audio:
        raise TokenMissing("tokenAudio is required")
    numbers, refused = _numbers(body.phone_numbers)
    return Order(
        kind=Kind.DEPOSIT,
        numbers=numbers,
        token=body.token_audio,
        due_at=parse_paris(body.scheduled_date) if body.scheduled_date else None,
        notify_url=NotifyUrl.parse(body.notify_url) if body.notify_url else None,
        email=EmailAddress.parse(body.email_for_notification) if body.email_for_notification else None,
        sender=_sender(body.sender) if body.sender else None,
        refused=refused,
    )


def _numbers(phones: Phones) -> tuple[tuple[Number, ...], tuple[Refused, ...]]:
    given = phones if isinstance(phones, list) else [] if phones is None else [phones]
    texts = [part for one in given for part in split_numbers(str(one))]
    numbers, rejected = parse_numbers(texts, MOST_NUMBERS)
    return numbers, tuple(Refused(one.text, one.reason) for one in rejected)


def _sender(text: str | int) -> Number:
    try:
        return Number.parse(str(text))
    except NumberInvalid:
        raise SenderInvalid("the sender is no number that can be called back") from None
