# SPDX-License-Identifier: MIT
"""An answer of either door, v1 or v2, and how its JSON becomes values; no I/O here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portevoix.client.errors import ApiError, UnexpectedAnswer, api_error

_WAV_MAGIC = b"RIFF"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request.

    Args:
        status: the HTTP status.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def fields(self) -> dict[str, Any]:
        """Read a success that is a JSON object.

        Raises:
            ApiError: it is a refusal, of v1 or a problem of v2 (RFC 9457).
            UnexpectedAnswer: it is no answer of this API.
        """
        try:
            answer = json.loads(self.body)
        except (ValueError, RecursionError):
            raise UnexpectedAnswer(f"the answer (status {self.status}) is not JSON", self.status) from None
        if not isinstance(answer, dict):
            raise self._foreign()
        if not 200 <= self.status < 300 or answer.get("success", True) is not True:
            raise self._refusal(answer)
        return answer

    def wav(self) -> bytes:
        """Read a success that is a WAV file. Raises as ``fields`` does."""
        if self.status == 200 and self.body.startswith(_WAV_MAGIC):
            return self.body
        self.fields()
        raise UnexpectedAnswer("the answer is no WAV file", self.status)

    def nothing(self) -> None:
        """Read a success that says nothing. Raises as ``fields`` does."""
        if self.status != 204:
            self.fields()

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Tell of fields that are missing or of another type as UnexpectedAnswer."""
        try:
            yield
        except (KeyError, TypeError, ValueError, ArithmeticError) as problem:
            raise UnexpectedAnswer(f"{what} does not read: {problem!r}", self.status) from None

    def _refusal(self, answer: Mapping[str, Any]) -> ApiError | UnexpectedAnswer:
        if "code" not in answer and "success" not in answer:
            return self._foreign()
        code = answer.get("code", self.status)
        message = answer.get("message", answer.get("detail", ""))
        told = self.headers.get("retry-after", "")
        retry_after = float(told) if told.isascii() and told.isdigit() else None
        return api_error(code if isinstance(code, int) else str(code), str(message), self.status, retry_after)

    def _foreign(self) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"the answer (status {self.status}) is not of this API", self.status)


def read_text(value: object) -> str:
    """Read a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def read_number(value: object) -> float:
    """Read a number. Raises TypeError."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value


def read_count(value: object) -> int:
    """Read a whole number. Raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def read_seconds(value: object) -> timedelta:
    """Read a duration that is told in seconds. Raises TypeError, ValueError, OverflowError."""
    return timedelta(seconds=read_number(value))


def read_moment(value: object) -> datetime:
    """Read a moment with its time zone (RFC 3339). Raises TypeError, ValueError."""
    moment = datetime.fromisoformat(read_text(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment
