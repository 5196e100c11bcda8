"""The typed layer of v2: an operation is declared once; its guards, parsing and documentation follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from portevoix.api.answer import Answer
from portevoix.api.body import Incoming, read_body
from portevoix.api.guard import Counted, Guard, bearer
from portevoix.api.trace import Trace, trace_of
from portevoix.api.v2.problems import problem, row_of
from portevoix.domain import account
from portevoix.domain.account import Access
from portevoix.domain.errors import DomainError, InvalidValue, Unavailable
from portevoix.ports import House

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
    """

    house: House
    access: Access
    path: Mapping[str, str]
    query: Query
    body: Body
    scope: Scope
    receive: Receive


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON.

    Args:
        content_type: of a success.
    """

    content_type: str


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
        upload: whether its body may be a form with a file too; then it reads the body itself.
        refusals: the errors that it can end with, beyond those of every operation.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    scope: account.Scope
    answer: type[Struct] | Media | None
    run: Callable[[Call[Any, Any]], Awaitable[Struct | Answer | None]]
    status: int = 200
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    upload: bool = False
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
            elif row_of(type(error)).status == 503:
                counted.retry_after_s = 1
            answer = problem(error)
            if self._operation.body is not None:
                await incoming.discard()
        await replace(answer, headers=(*answer.headers, *counted.headers())).send(scope, send)

    async def _answer(self, scope: Scope, receive: Receive, trace: Trace, counted: Counted) -> Answer:
        operation = self._operation
        access = await self._guard.enter(bearer(scope), LIMIT, operation.scope, trace, counted)
        query = self._query(scope)
        body = None
        if operation.body is not None and not operation.upload:
            body = parse_json(await read_body(receive), operation.body)
        call = Call(self._guard.house, access, scope["path_params"], query, body, scope, receive)
        result = await operation.run(call)
        if isinstance(result, Answer):
            return result
        return Answer(operation.status, b"" if result is None else msgspec.json.encode(result))

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
