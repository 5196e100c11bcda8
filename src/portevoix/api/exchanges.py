"""Keeps what callers of the API sent and were told, as far as that costs next to nothing; the rest is counted."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

import structlog
from starlette.types import Message, Receive, Scope

from portevoix.domain.errors import DomainError
from portevoix.domain.exchange import MOST_BODY_BYTES, Body, Exchange, NewExchange, write_path
from portevoix.ports import Clock, Exchanges
from portevoix.web.trace import Trace

MOST_WAITING = 2_000
MOST_AT_ONCE = 250
MOST_ACCOUNTS = 10_000
GATHER_S = 1.0

_DOORS = ("/v1/", "/v2/")
_DAY_S = 86_400
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger("portevoix.api")


@dataclass(slots=True)
class _Tally:
    """What was kept of an account in this second and on this day, and what was skipped since the last that was.

    Args:
        full_until: before that moment nothing more is kept.
    """

    second: int = 0
    in_second: int = 0
    day: int = 0
    in_day: int = 0
    skipped: int = 0
    full_until: datetime = _LONG_AGO

    def count(self, now: datetime) -> None:
        """Count one more that is kept."""
        second = int(now.timestamp())
        if second != self.second:
            self.second, self.in_second = second, 0
            if second // _DAY_S != self.day:
                self.day, self.in_day = second // _DAY_S, 0
        self.in_second += 1
        self.in_day += 1
        if self.in_day >= Exchange.MOST_A_DAY:
            self.full_until = datetime.fromtimestamp((self.day + 1) * _DAY_S, UTC)
        elif self.in_second >= Exchange.MOST_A_SECOND:
            self.full_until = datetime.fromtimestamp(second + 1, UTC)


class _Heard:
    """A request's body on its way in, of which the beginning is kept."""

    __slots__ = ("_receive", "size", "start")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.start = b""
        self.size = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if part := message.get("body", b""):
            self.size += len(part)
            if len(self.start) < MOST_BODY_BYTES:
                self.start += part[: MOST_BODY_BYTES - len(self.start)]
        return message


class _Recorded(NamedTuple):
    """A request and its answer as they came; read by whoever writes them down, not while the caller waits."""

    account_id: int
    at: datetime
    method: str
    path: str
    query: bytes
    status: int
    duration_us: int
    sent: tuple[bytes, int, str]
    told: tuple[bytes, int | None, str]
    skipped: int


class Recorder:
    """The ``Recorder`` of the door.

    Args:
        not_kept: is told how many were not kept, by reason: ``rate``, ``queue``, ``database`` or ``defect``.
    """

    def __init__(self, clock: Clock, not_kept: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._not_kept = not_kept
        self._tallies: dict[int, _Tally] = {}
        self._waiting: deque[_Recorded] = deque()
        self._lost: Counter[str] = Counter()
        self._over_rate = 0

    def listen(self, scope: Scope, receive: Receive, trace: Trace) -> Receive:
        """Keep the beginning of a body while it is read."""
        if not scope["path"].startswith(_DOORS):
            return receive
        trace.heard = heard = _Heard(receive)
        return heard

    def record(self, scope: Scope, trace: Trace, duration_s: float) -> None:
        """Take note of an answered request that a right key led to an account."""
        account_id = trace.account_id
        if account_id is None:
            return
        tally = self._tallies.get(account_id) or self._begin(account_id)
        now = self._clock.now()
        if now < tally.full_until:
            tally.skipped += 1
            self._over_rate += 1
        elif len(self._waiting) >= MOST_WAITING:
            tally.skipped += 1
            self._lost["queue"] += 1
        else:
            self._waiting.append(_recorded(scope, trace, account_id, now, int(duration_s * 1_000_000), tally.skipped))
            tally.skipped = 0
            tally.count(now)

    def _begin(self, account_id: int) -> _Tally:
        if len(self._tallies) >= MOST_ACCOUNTS:
            self._tallies.clear()
        return self._tallies.setdefault(account_id, _Tally())

    async def write(self, exchanges: Exchanges) -> None:
        """Write down what was recorded, for ever: what gathers meanwhile goes together."""
        while True:
            await asyncio.sleep(GATHER_S)
            await self.flush(exchanges)

    async def flush(self, exchanges: Exchanges) -> None:
        """Write down what waits; what cannot be written is lost, and counted."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            try:
                await exchanges.keep(_read(batch))
            except DomainError as error:
                self._lost["database"] += len(batch)
                log.warning("exchanges_lost", exchanges=len(batch), error=error.message)
            except Exception:  # whatever is wrong with some, others are to be kept
                self._lost["defect"] += len(batch)
                log.exception("exchanges_lost", exchanges=len(batch))
        lost, self._lost = self._lost, Counter()
        if self._over_rate:
            lost["rate"], self._over_rate = self._over_rate, 0
        for reason, count in lost.items():
            self._not_kept(reason, count)


def _recorded(scope: Scope, trace: Trace, account_id: int, at: datetime, duration_us: int, skipped: int) -> _Recorded:
    heard, answer = trace.heard, trace.answer
    content_type = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"), "")
    sent = (heard.start, heard.size, content_type) if isinstance(heard, _Heard) else (b"", 0, "")
    told: tuple[bytes, int | None, str] = (b"", None, "")
    if answer is not None:
        told = (answer.body[:MOST_BODY_BYTES], len(answer.body), answer.content_type.decode("latin-1"))
    place = scope["method"], scope["path"], scope["query_string"]
    return _Recorded(account_id, at, *place, trace.status, duration_us, sent, told, skipped)


def _read(batch: Sequence[_Recorded]) -> list[NewExchange]:
    return [
        NewExchange(
            account_id=one.account_id,
            at=one.at,
            method=one.method[:10],
            path=write_path(one.path, parse_qsl(one.query.decode("latin-1"), keep_blank_values=True)),
            status=one.status,
            duration_us=one.duration_us,
            sent=Body.read(*one.sent),
            told=Body.read(*one.told) if one.told[1] is not None else Body(None, None),
            skipped=one.skipped,
        )
        for one in batch
    ]
