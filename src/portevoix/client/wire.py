# SPDX-License-Identifier: MIT
"""Answers of the wire, parsed into frozen values; no I/O here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from portevoix.client.errors import ApiError, UnexpectedAnswer, api_error


@dataclass(frozen=True, slots=True)
class Credit:
    """An account's credit, and what it buys; ``None`` where there is no limit.

    Args:
        credit: what may be spent now, exactly.
        currency: its symbol.
        mobile: how long one voice SMS to a French mobile.
        landline: how long one voice SMS to a French landline.
        deposits: how many voicemail deposits.
    """

    credit: Decimal
    currency: str
    mobile: timedelta | None
    landline: timedelta | None
    deposits: int | None


def parse_credit(status: int, headers: Mapping[str, str], body: bytes) -> Credit:
    """Read the answer of ``/v1/me``.

    Raises:
        ApiError: it is a refusal.
        UnexpectedAnswer: it is no answer of this API.
    """
    answer = _success(status, headers, body)
    try:
        details = answer["details"]
        return Credit(
            credit=Decimal(str(answer["credit"])),
            currency=str(answer["currency"]),
            mobile=_duration(details["tts"]),
            landline=_duration(details["tts_fixe"]),
            deposits=_count(details["voice"]["message"]),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as problem:
        raise UnexpectedAnswer(f"the credit does not read: {problem!r}", status) from None


def _success(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        raise UnexpectedAnswer(f"the answer (status {status}) is not JSON", status) from None
    if not isinstance(answer, dict) or "success" not in answer:
        raise UnexpectedAnswer(f"the answer (status {status}) is not of this API", status)
    if answer["success"] is not True or status >= 400:
        raise _refusal(answer, status, headers)
    return answer


def _refusal(answer: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> ApiError:
    code = answer.get("code", status)
    told = headers.get("retry-after", "")
    retry_after = float(told) if told.isdigit() else None
    return api_error(code if isinstance(code, int) else str(code), str(answer.get("message", "")), status, retry_after)


def _duration(value: Mapping[str, Any]) -> timedelta | None:
    parts = [_count(value[unit]) for unit in ("h", "m", "s")]
    if any(part is None for part in parts):
        return None
    hours, minutes, seconds = (part or 0 for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _count(value: object) -> int | None:
    return None if value is None else int(str(value))
