# SPDX-License-Identifier: MIT
"""Sending through v1, which Portevoix and Voice Partner have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from portevoix.client.answer import Answer
from portevoix.client.key import KeyPlace
from portevoix.client.request import Request, parse_idempotency_key
from portevoix.client.shape import read_decimal, read_text

_PARIS = ZoneInfo("Europe/Paris")


@dataclass(frozen=True, slots=True)
class Share:
    """What of a message goes to one country.

    Args:
        calling_code: the country's, such as ``33``.
        recipients: how many.
        unit_cost: the most that one of them can cost.
        cost: the most that all of them can cost.
    """

    calling_code: str
    recipients: int
    unit_cost: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was accepted through v1.

    Args:
        campaign_id: names it in ``cancel`` and in notices, and on Portevoix in ``message``.
        cost: what was set aside, in ``currency``: the most that it can cost.
        recipients: how many are called.
        shares: a country each.
        lang: of a voice SMS.
        duration: of a voice SMS, to a tenth of a second.
        audio_name: of a deposit, the recording's name.
    """

    campaign_id: str
    cost: Decimal
    currency: str
    recipients: int
    shares: tuple[Share, ...]
    lang: str | None
    duration: timedelta | None
    audio_name: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A scheduled message that was cancelled.

    Args:
        credit: what came back, in ``currency``.
    """

    campaign_id: str
    credit: Decimal
    currency: str


def tts(
    numbers: Sequence[str] | str,
    text: str | None,
    audio: str | None,
    lang: str | None,
    speech_rate: float | None,
    notify_url: str | None,
    at: datetime | None,
    idempotency_key: str | None,
) -> Request[Sent]:
    """Send a voice SMS. Raises ValueError."""
    if (text is None) == (audio is None):
        raise ValueError("a voice SMS has a text or a recording")
    fields = {
        "phoneNumbers": _joined(numbers),
        "text": text,
        "tokenAudio": audio,
        "lang": lang,
        "speechRate": None if speech_rate is None else str(speech_rate),
        "notifyUrl": notify_url,
        "scheduledDate": _in_paris(at),
    }
    return _send("/v1/tts/send", fields, idempotency_key)


def deposit(
    numbers: Sequence[str] | str,
    audio: str,
    email: str | None,
    sender: str | None,
    notify_url: str | None,
    at: datetime | None,
    idempotency_key: str | None,
) -> Request[Sent]:
    """Leave a recording on voicemail. Raises ValueError."""
    fields = {
        "tokenAudio": audio,
        "phoneNumbers": _joined(numbers),
        "emailForNotification": email,
        "sender": sender,
        "notifyUrl": notify_url,
        "scheduledDate": _in_paris(at),
    }
    return _send("/v1/campaign/send", fields, idempotency_key)


def cancel(campaign_id: str) -> Request[Cancelled]:
    """Cancel a scheduled message."""
    named = quote(campaign_id, safe="", errors="replace")
    return Request("DELETE", f"/v1/campaign/cancel/{{apiKey}}/{named}", KeyPlace.SEGMENT, _read_cancelled)


def _send(path: str, fields: dict[str, str | None], idempotency_key: str | None) -> Request[Sent]:
    """Make the request. It is never repeated by itself: Voice Partner knows no such keys, and would call twice."""
    body = {name: value for name, value in fields.items() if value is not None}
    key = parse_idempotency_key(idempotency_key)
    return Request("POST", path, KeyPlace.BODY, _read_sent, body=body, idempotency_key=key)


def _joined(numbers: Sequence[str] | str) -> str:
    return numbers if isinstance(numbers, str) else ",".join(numbers)


def _in_paris(at: datetime | None) -> str | None:
    """Write a moment as v1 has it: in Paris time, without a zone.

    Raises:
        ValueError: it has no time zone, or cannot be written: the second of two hours that are called alike.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError("the moment to begin needs a time zone")
    local = at.astimezone(_PARIS)
    if local.fold:
        raise ValueError("v1 cannot name the second of the two hours that are called alike when summer time ends")
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _read_sent(answer: Answer) -> Sent:
    fields = answer.fields()
    with answer.reading("what was sent"):
        duration, audio = fields.get("duration"), fields.get("audioFile")
        return Sent(
            campaign_id=read_text(fields["campaignId"]),
            cost=read_decimal(fields["cost"]),
            currency=read_text(fields["currency"]),
            recipients=int(read_decimal(fields["nbSms"])),
            shares=tuple(_share(code, share) for code, share in fields["detail"].items()),
            lang=None if fields.get("lang") is None else read_text(fields["lang"]),
            duration=None if duration is None else timedelta(seconds=float(read_decimal(duration))),
            audio_name=None if audio is None else read_text(audio["filename"]),
        )


def _share(calling_code: str, share: dict[str, Any]) -> Share:
    return Share(
        calling_code=calling_code,
        recipients=int(read_decimal(share["nbSms"])),
        unit_cost=read_decimal(share["cost_unity"]),
        cost=read_decimal(share["cost"]),
    )


def _read_cancelled(answer: Answer) -> Cancelled:
    fields = answer.fields()
    with answer.reading("what was cancelled"):
        return Cancelled(
            campaign_id=read_text(fields["campaignId"]),
            credit=read_decimal(fields["assignedCredit"]),
            currency=read_text(fields["currency"]),
        )
