"""The typed layer of v2: an operation is declared once; its guards, parsing and documentation follow."""

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
from portevoix.api.v2.problems import problem, row_of
from portevoix.domain import account
from portevoix.domain.account import Access
from portevoix.domain.errors import DomainError, InvalidValue, Unavailable
from portevoix.ports import House
from portevoix.web.answer import Answer, Stream
from portevoix.web.body import Incoming, read_body
from portevoix.web.trace import Trace, trace_of

LIMIT = "v2"

Body = TypeVar("Body")
Query = TypeVar("Query")


@dataclass(frozen=True, slots=True)
class Call(Generic[Query, Body]):
    """A request that was let in.

    Args:
        path: the parameters of its path.
        query: parsed; ``None`` where the operation takes none.
        body: parsed; ``None`` where the operation takes none.
        scope: the request itself, for those few operations that need its headers.
        receive: its body, for those few that read it themselves.
        replay: its idempotency key: the answer is kept by the operation in its own transaction, or else by the layer.
    """

    house: House
    access: Access
    path: Mapping[str, str]
    query: Query
    body: Body
    scope: Scope
    receive: Receive
    replay: Replay

    def success(self, status: int, shape: Struct | None) -> Answer:
        """Write a success as the layer does."""
        return Answer(status, b"" if shape is None else msgspec.json.encode(shape))


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON.

    Args:
        content_type: of a success.
        is_ranged: parts of it can be asked for, and whether it has changed.
        is_text: it is no bytes that only a program reads.
    """

    content_type: str
    is_ranged: bool = False
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A body that is a form with a file, ``file``, and with what goes along with it.

    Args:
        file_type: the content type of the file, for its description.
        field: the name of what goes along.
        shape: of that field's JSON; ``None`` where it is plain text, which may be left out.
    """

    file_type: str
    field: str
    shape: type[Struct] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the v2 API.

    Args:
        path: the template of its path.
        scope: what a key needs for it.
        answer: the shape of a success; ``None`` for an empty one.
        run: the use case; it gives the success's shape, or the whole answer.
        status: of a success.
        query: the shape of its query, if it takes one.
        body: the shape of its JSON body, if it takes one.
        also: another form of a success, for those who ask for it.
        upload: the form that its body may be instead of JSON; then it reads the body itself.
        headers: of the request that it reads, as OpenAPI describes them.
        is_one_transaction: the layer does it and keeps its answer in one transaction, which is short.
        refusals: the errors that it can end with, beyond those of every operation.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    scope: account.Scope
    answer: type[Struct] | Media | None
    run: Callable[[Call[Any, Any]], Awaitable[Struct | Answer | Stream | None]]
    status: int = 200
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    also: Media | None = None
    upload: Form | None = None
    headers: tuple[Mapping[str, Any], ...] = ()
    is_one_transaction: bool = False
    refusals: tuple[type[DomainError], ...] = ()


class Endpoint:
    """Answers one operation."""

    def __init__(self, operation: Operation, guard: Guard) -> None:
        self._operation = operation
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        trace.route = self._operation.path
        counted = Counted()
        incoming = Incoming(receive)
        try:
            answer = await self._answer(scope, incoming, trace, counted)
        except DomainError as error:
            if isinstance(error, Unavailable):
                self._guard.unavailable(LIMIT, counted)
            elif row_of(type(error)).status in (429, 503) and not counted.retry_after_s:
                counted.retry_after_s = 1
            answer = problem(error)
            if self._operation.body is not None:
                await incoming.discard()
        if isinstance(answer, Stream):
            await replace(answer, headers=(*answer.headers, *counted.headers())).send(scope, incoming, send)
        else:
            await replace(answer, headers=(*answer.headers, *counted.headers())).send(scope, send)

    async def _answer(self, scope: Scope, receive: Receive, trace: Trace, counted: Counted) -> Answer | Stream:
        operation = self._operation
        access = await self._guard.enter(bearer(scope), LIMIT, operation.scope, trace, counted)
        query = self._query(scope)
        replay = Replay.of(scope, access)
        body, raw = None, b""
        if operation.body is not None and operation.upload is None:
            raw = await read_body(receive)
            body = parse_json(raw, operation.body)
        if operation.upload is None and (before := await replay.begin(self._guard.house, raw)) is not None:
            return before
        call = Call(self._guard.house, access, scope["path_params"], query, body, scope, receive, replay)
        try:
            if not operation.is_one_transaction:
                return await self._run(call)
            async with call.house.unit_of_work() as together:
                return await self._run(replace(call, house=together))
        except DomainError as refusal:
            return await replay.instead_of(refusal, self._guard.house)

    async def _run(self, call: Call[Any, Any]) -> Answer | Stream:
        result = await self._operation.run(call)
        if isinstance(result, Stream):
            return result
        answer = result if isinstance(result, Answer) else call.success(self._operation.status, result)
        if b"idempotent-replayed" not in dict(answer.headers):
            await call.replay.keep(call.house, answer)
        return answer

    def _query(self, scope: Scope) -> Struct | None:
        if self._operation.query is None:
            return None
        fields = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        try:
            return msgspec.convert(fields, self._operation.query, strict=False)
        except msgspec.ValidationError as fault:
            raise InvalidValue(f"query: {fault}") from None


Shape = TypeVar("Shape")


def parse_json(raw: bytes, shape: type[Shape]) -> Shape:
    """Read a JSON body. Raises InvalidValue, with the place and what was expected there."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise InvalidValue(f"body: {fault}") from None
