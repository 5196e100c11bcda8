# SPDX-License-Identifier: MIT
"""What happens to an account, as it happens: server-sent events, read in bytes as they come; no I/O here.

Source: the HTML standard, section "Server-sent events".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portevoix.client.answer import Answer
from portevoix.client.errors import ApiError, ConnectionFailed, UnexpectedAnswer, VoicePartnerError
from portevoix.client.key import KeyPlace
from portevoix.client.request import Request
from portevoix.client.shape import nullable, read_fields, read_id, read_moment, read_text, shape

#: The service says at least every 15 s that it is there.
SILENCE_S = 45.0

#: How long to wait before the connection is made again, at first and at most.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0

# A carriage return at the end of what came may be half of a line's end.
_LINE_END = re.compile(rb"\r\n|\n|\r(?=.)", re.DOTALL)

_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """What a notifyUrl would be told of an event, signed with the account's secret.

    Args:
        method: ``POST`` or ``GET``.
        headers: those of Standard Webhooks, and the content type.
        body: of a POST.
        query: of a GET: what is signed.
    """

    method: str
    headers: Mapping[str, str]
    body: str | None
    query: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Args:
        id: what ``events(after=…)`` goes on after.
        type: such as ``message.accepted``, ``call.ended``, ``message.finished`` or ``credit.low``.
        data: what happened, as JSON has it.
        webhook: where signed notices were asked for, and a notifyUrl is told of this.
    """

    id: str
    type: str
    at: datetime
    data: Mapping[str, Any]
    webhook: SignedNotice | None


class EventStream:
    """How far a stream of events is, over all connections that it takes.

    Args:
        after: the event to go on after; ``None`` for those from now on.
        signed: whether notices are signed.
        when_lost: told why a connection was lost, before it is made again.
    """

    def __init__(
        self, after: str | None, *, signed: bool, when_lost: Callable[[VoicePartnerError], None] | None
    ) -> None:
        self._after = after or ""
        self._signed = signed
        self._when_lost = when_lost
        self._was_there = False
        self._first_pause_s = FIRST_PAUSE_S
        self._failures = 0
        self._rest = b""
        self._begin()

    def request(self) -> Request[None]:
        """Make the request of the next connection."""
        return Request(
            "GET",
            "/v2/events",
            KeyPlace.BEARER,
            _refused,
            query={"signed": "1"} if self._signed else None,
            accept="text/event-stream",
            headers={"Last-Event-ID": self._after} if self._after else {},
            least_timeout_s=SILENCE_S,
        )

    def opened(self, content_type: str) -> None:
        """Take note that the service has begun to tell. Raises UnexpectedAnswer."""
        if not content_type.startswith("text/event-stream"):
            raise UnexpectedAnswer("the answer is no stream of events", 200)
        self._was_there = True
        self._begin()

    def read(self, piece: bytes) -> Iterator[Event]:
        """Read what came. Raises UnexpectedAnswer."""
        self._failures = 0
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        for line in lines:
            if not line:
                yield from self._dispatch()
            elif not line.startswith(b":"):
                self._field(line.decode(errors="replace"))

    def pause_s(self, fault: VoicePartnerError) -> float:
        """Tell how long to wait before the next connection.

        Raises:
            VoicePartnerError: the fault itself, where another connection is of no use, or there never was one.
        """
        is_final = isinstance(fault, ApiError | UnexpectedAnswer) and fault.status not in _AGAIN
        if is_final or not self._was_there:
            raise fault
        if self._when_lost is not None:
            self._when_lost(fault)
        asked_s = fault.retry_after if isinstance(fault, ApiError) and fault.retry_after is not None else 0
        pause_s: float = min(self._first_pause_s * (1 << min(self._failures, 10)), LONGEST_PAUSE_S)
        self._failures += 1
        return max(pause_s, min(asked_s, LONGEST_PAUSE_S))

    def ended(self) -> VoicePartnerError:
        """Tell of a stream that came to its end."""
        return ConnectionFailed("the service ended the stream of events")

    def _begin(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._id = self._after

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self._first_pause_s = min(int(value) / 1_000, LONGEST_PAUSE_S)

    def _dispatch(self) -> Iterator[Event]:
        """End an event. One without data tells only how far the stream is."""
        data, self._data = "\n".join(self._data), []
        self._after = self._id
        if not data:
            return
        try:
            event = _event(json.loads(data))
        except (KeyError, TypeError, ValueError, ArithmeticError, RecursionError) as problem:
            raise UnexpectedAnswer(f"an event does not read: {problem!r}", 200) from None
        yield event


def _refused(answer: Answer) -> None:
    answer.fields()
    raise UnexpectedAnswer("the answer is no stream of events", answer.status)


_notice = shape(
    SignedNotice,
    method=read_text,
    headers=lambda value: {name: read_text(text) for name, text in read_fields(value).items()},
    body=nullable(read_text),
    query=nullable(read_text),
)

_told = shape(
    Event,
    id=read_id,
    type=read_text,
    at=read_moment,
    data=read_fields,
    webhook=nullable(lambda value: _notice({"body": None, "query": None, **value})),
)


def _event(item: object) -> Event:
    return _told({"webhook": None, **read_fields(item)})
