"""The typed layer of v1: an operation is declared once; its guards, limits, formats and documentation follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from portevoix.api.guard import Counted, Guard, bearer
from portevoix.api.replay import Replay
from portevoix.api.v1.refusals import BodyMalformed, FieldInvalid, refusal_of
from portevoix.api.v1.wire import encode_json
from portevoix.api.v1.xml import encode_xml
from portevoix.domain import account
from portevoix.domain.account import Access
from portevoix.domain.errors import DomainError, InvalidValue, Unavailable
from portevoix.ports import House
from portevoix.web.answer import XML, Answer
from portevoix.web.body import read_body
from portevoix.web.trace import Trace, trace_of

Body = TypeVar("Body")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Call(Generic[Body]):
    """A request that was let in.

    Args:
        body: parsed; ``None`` where the operation takes none.
        path: the parameters of its path.
        receive: tells when the client has gone.
        keep: keeps the answer under the request's idempotency key, in the unit of work that it is given.
    """

    house: House
    access: Access
    body: Body
    path: Mapping[str, str]
    receive: Receive
    keep: Callable[[House, Struct], Awaitable[None]]

    def alongside(self, write: Callable[[Done], Struct]) -> Callable[[House, Done], Awaitable[None]]:
        """Keep the answer together with what is done, so that neither is there without the other.

        Args:
            write: writes what was done as the answer.
        """

        async def keep(together: House, done: Done) -> None:
            await self.keep(together, write(done))

        return keep


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the v1 API.

    Args:
        paths: the templates of its paths.
        limit: the name of its limit: ``me`` for the setting ``limit_me``.
        scope: what a key needs for it.
        answer: the shape of a success.
        run: the use case, and how its result is written.
        body: the shape of its JSON body, if it takes one; the key may travel in it as ``apiKey``.
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
    run: Callable[[Call[Any]], Awaitable[Struct]]
    body: type[Struct] | None = None
    refusals: tuple[type[DomainError], ...] = ()


class Endpoint:
    """Answers one operation on one of its paths."""

    def __init__(self, operation: Operation, path: str, guard: Guard) -> None:
        self._operation = operation
        self._path = path
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        trace.route = self._path
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        form = query.get("_format", "json")
        counted = Counted()
        try:
            answer = await self._run(scope, receive, query, trace, counted)
        except DomainError as error:
            status, body = refusal_of(error)
            if isinstance(error, Unavailable):
                self._guard.unavailable(self._operation.limit, counted)
            elif status in (429, 503) and not counted.retry_after_s:
                counted.retry_after_s = 1
            answer = _answer(status, body, form)
        await replace(answer, headers=(*answer.headers, *counted.headers())).send(scope, send)

    async def _run(
        self, scope: Scope, receive: Receive, query: Mapping[str, str], trace: Trace, counted: Counted
    ) -> Answer:
        raw = b""
        fields: dict[str, object] | DomainError = {}
        if self._operation.body is not None:
            raw, fields = await _read_fields(receive)
        secret = _secret(scope, query, fields if isinstance(fields, dict) else {})
        if isinstance(fields, DomainError) and not secret:  # the key may be in what does not read
            await self._guard.count_stranger(trace, counted)
            raise fields
        access = await self._guard.enter(secret, self._operation.limit, self._operation.scope, trace, counted)
        if query.get("_format", "json") not in ("json", "xml"):
            raise InvalidValue("_format is json or xml")
        if isinstance(fields, DomainError):
            raise fields
        return await self._do(scope, receive, access, raw, self._parse(fields), query.get("_format", "json"))

    async def _do(
        self, scope: Scope, receive: Receive, access: Access, raw: bytes, body: Struct | None, form: str
    ) -> Answer:
        """Do what is asked, once for all requests under one idempotency key."""
        house, replay = self._guard.house, Replay.of(scope, access)
        if (before := await replay.begin(house, raw)) is not None:
            return before

        async def keep(together: House, shape: Struct) -> None:
            await replay.keep(together, _answer(200, shape, form))

        try:
            done = await self._operation.run(Call(house, access, body, scope["path_params"], receive, keep))
            await keep(house, done)
        except DomainError as refusal:
            return await replay.instead_of(refusal, house)
        return _answer(200, done, form)

    def _parse(self, fields: dict[str, object]) -> Struct | None:
        """Read a body's fields, numbers that came as strings and unknown fields included."""
        if self._operation.body is None:
            return None
        try:
            return msgspec.convert(fields, self._operation.body, strict=False)
        except msgspec.ValidationError as problem:
            raise FieldInvalid.of(problem) from None


def _answer(status: int, body: Struct, form: str) -> Answer:
    return Answer(status, encode_xml(body), XML) if form == "xml" else Answer(status, encode_json(body))


async def _read_fields(receive: Receive) -> tuple[bytes, dict[str, object] | DomainError]:
    """Read a JSON object, whatever its content type; what is wrong with it is told to those with a key alone."""
    raw = b""
    try:
        raw = await read_body(receive)
        fields = msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw, BodyMalformed("the body is not JSON")
    except DomainError as error:
        return raw, error
    return raw, fields if isinstance(fields, dict) else InvalidValue("the body is not a JSON object")


def _secret(scope: Scope, query: Mapping[str, str], fields: Mapping[str, object]) -> str:
    """Find the API key: in the path, in the query, in the body, or as a bearer token."""
    sent = scope["path_params"].get("apiKey") or query.get("apiKey") or fields.get("apiKey")
    return str(sent).strip() if sent else bearer(scope)
