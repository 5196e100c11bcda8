# SPDX-License-Identifier: MIT
"""An answer of either door, v1 or v2, and how its JSON becomes values; no I/O here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from portevoix.client.errors import ApiError, Fault, UnexpectedAnswer, api_error

_WAV_MAGIC = b"RIFF"

Made = TypeVar("Made")


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
        errors, more = _faults(answer.get("errors")), answer.get("more")
        return api_error(
            code if isinstance(code, int) else str(code),
            str(message),
            self.status,
            retry_after,
            errors,
            more if isinstance(more, int) else 0,
        )

    def _foreign(self) -> UnexpectedAnswer:
        return UnexpectedAnswer(f"the answer (status {self.status}) is not of this API", self.status)


def reader(what: str, read: Callable[[Any], Made]) -> Callable[[Answer], Made]:
    """Read a success that is one JSON object.

    Args:
        what: names it in errors.
        read: makes the result of its fields.
    """

    def read_answer(answer: Answer) -> Made:
        fields = answer.fields()
        with answer.reading(what):
            return read(fields)

    return read_answer


def _faults(told: object) -> list[Fault]:
    """Read what a refusal names, of v1 or v2; what does not read is left out, since the refusal stands all the same."""
    found = [item for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    faults = []
    for item in found:
        value, reason = item.get("value", item.get("field", "")), item.get("reason", item.get("message", ""))
        line = item.get("line")
        faults.append(Fault(str(value), str(reason), line if isinstance(line, int) else None))
    return faults
