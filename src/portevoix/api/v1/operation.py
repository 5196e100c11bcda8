"""The typed layer: an operation is declared once, and its guards, its limits, its two formats and its
documentation follow from that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from msgspec import Struct
from starlette.types import Receive, Scope, Send

from portevoix.api.address import limited_as
from portevoix.api.answer import XML, Answer, Headers
from portevoix.api.trace import Trace, trace_of
from portevoix.api.v1.refusals import row_of
from portevoix.api.v1.wire import encode_json
from portevoix.api.v1.xml import encode_xml
from portevoix.domain import account
from portevoix.domain.account import Access
from portevoix.domain.errors import (
    DomainError,
    InvalidValue,
    KeyMissing,
    KeyUnknown,
    RateLimited,
    Unavailable,
)
from portevoix.domain.limit import Allowance, Limit
from portevoix.ports import House, Limits
from portevoix.service.reading import find_access

#: What a client that reads the three headers is told where the operator has lifted the limit.
UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the v1 API.

    Args:
        paths: the templates of its paths.
        limit: the name of its limit: ``me`` for the setting ``limit_me``.
        scope: what a key needs for it.
        answer: the shape of a success.
        run: the use case, and how its result is written.
        refusals: the errors that it can end with, beyond those of every operation.
    """

    name: str
    method: str
    paths: tuple[str, ...]
    summary: str
    description: str
    limit: str
    scope: account.Scope
    answer: type[Struct]
    run: Callable[[House, Access], Awaitable[Struct]]
    refusals: tuple[type[DomainError], ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """What every operation passes through.

    Args:
        limits: counts requests.
        allowed: requests an account may make, by the limit's name; ``None`` lifts it.
        wrong_key: requests without a right key that an address may make.
    """

    house: House
    limits: Limits
    allowed: Mapping[str, Limit | None]
    wrong_key: Limit | None


class Endpoint:
    """Answers one operation on one of its paths."""

    def __init__(self, operation: Operation, path: str, guard: Guard) -> None:
        self._operation = operation
        self._path = path
        self._guard = guard
        self._limit = guard.allowed[operation.limit]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        trace.route = self._path
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        answer = await self._answer(scope, query, trace)
        await answer.send(scope, send)

    async def _answer(self, scope: Scope, query: Mapping[str, str], trace: Trace) -> Answer:
        counted = _Counted()
        form = query.get("_format", "json")
        try:
            access = await self._enter(_secret(scope, query), trace, counted)
            if form not in ("json", "xml"):
                raise InvalidValue("_format is json or xml")
            body, status = await self._operation.run(self._guard.house, access), 200
        except DomainError as error:
            row = row_of(error)
            body, status = row.body(), row.status
            counted.retry_after_s = 1 if isinstance(error, Unavailable) else counted.retry_after_s
        headers = counted.headers()
        if form == "xml":
            return Answer(status, encode_xml(body), XML, headers)
        return Answer(status, encode_json(body), headers=headers)

    async def _enter(self, secret: str, trace: Trace, counted: _Counted) -> Access:
        """Find what a key leads to, count the request, and let it in or not."""
        try:
            if not secret:
                raise KeyMissing("no API key was given")
            access = await find_access(self._guard.house, secret)
        except (KeyMissing, KeyUnknown):
            await self._count(f"address:{limited_as(trace.address)}", self._guard.wrong_key, counted)
            raise
        trace.account_id = access.account_id
        await self._count(f"{self._operation.limit}:{access.account_id}", self._limit, counted)
        account.admit(access, self._operation.scope, trace.address)
        return access

    async def _count(self, caller: str, limit: Limit | None, counted: _Counted) -> None:
        if limit is None:
            return
        allowance = await self._guard.limits.count(caller, limit)
        counted.allowance = allowance
        counted.retry_after_s = allowance.retry_after_s
        if not allowance.admitted:
            raise RateLimited("too many requests")


@dataclass(slots=True)
class _Counted:
    """What the headers say of the caller's allowance."""

    allowance: Allowance = Allowance(True, UNLIMITED, UNLIMITED, 0, 0)  # noqa: RUF009 - frozen
    retry_after_s: int = 0

    def headers(self) -> Headers:
        allowance = self.allowance
        told = (
            (b"x-ratelimit-limit", b"%d" % allowance.limit),
            (b"x-ratelimit-remaining", b"%d" % allowance.remaining),
            (b"x-ratelimit-reset", b"%d" % -(-allowance.reset_us // 1_000_000)),
        )
        return (*told, (b"retry-after", b"%d" % self.retry_after_s)) if self.retry_after_s else told


def _secret(scope: Scope, query: Mapping[str, str]) -> str:
    """Find the API key: in the path, in the query, or as a bearer token."""
    in_url: str = scope["path_params"].get("apiKey") or query.get("apiKey", "")
    if in_url:
        return in_url.strip()
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""
