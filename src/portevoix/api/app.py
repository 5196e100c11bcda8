"""The HTTP door, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from portevoix.api import reference_page, voices_page
from portevoix.api.guard import Counted, Guard
from portevoix.api.openapi import openapi
from portevoix.api.operations import Probe, probes_of
from portevoix.api.schema import Schema
from portevoix.api.v1 import refusals
from portevoix.api.v1 import routes as v1
from portevoix.api.v1.wire import encode_json
from portevoix.api.v2 import routes as v2
from portevoix.api.v2.problems import problem
from portevoix.domain.account import Network
from portevoix.domain.errors import Defect, DomainError, MethodNotAllowed, NotFound, RateLimited, Unavailable
from portevoix.domain.limit import Limit
from portevoix.ports import House, Limits
from portevoix.web.address import Proxies
from portevoix.web.answer import Answer
from portevoix.web.trace import Observer, Recorder, Traced, trace_of


@dataclass(frozen=True, slots=True)
class Doorstep:
    """What the door needs of the house while it is open.

    Args:
        database_answers: tells whether the database can be reached now.
    """

    house: House
    limits: Limits
    database_answers: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has set for the door.

    Args:
        allowed: requests an account may make, by the limit's name.
        wrong_key: requests without a right key that an address may make.
        trusted_proxies: whose ``X-Forwarded-For`` is believed.
        metrics_allow: who may read the figures.
    """

    allowed: Mapping[str, Limit | None]
    wrong_key: Limit | None
    trusted_proxies: tuple[Network, ...]
    metrics_allow: tuple[Network, ...]


def build(
    open_house: Callable[[], AbstractAsyncContextManager[Doorstep]],
    rules: Rules,
    observers: Sequence[Observer],
    figures: Callable[[], Answer],
    others: Mapping[str, Callable[[Doorstep], ASGIApp]] | None = None,
    recorder: Recorder | None = None,
) -> ASGIApp:
    """Put the door together.

    Args:
        open_house: opened when the server starts, closed when it has answered its last request.
        observers: are told of each answered request.
        figures: the answer of ``/metrics``.
        others: doors beside this one, by the first part of their paths.
        recorder: keeps requests with their answers; ``None`` where that is switched off.
    """
    door = _Door()

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with open_house() as doorstep:
            door.guard = Guard(doorstep.house, doorstep.limits, rules.allowed, rules.wrong_key)
            door.others = {name: make(doorstep) for name, make in (others or {}).items()}
            door.router.routes = [*_routes(doorstep, door.guard, rules, figures)]
            yield

    door.router = Router(redirect_slashes=False, lifespan=lifespan)
    return Traced(door, observers, Proxies(rules.trusted_proxies), _defect, recorder)


class _Door:
    """Routes a request; what no route takes is counted against its address, and refused in its contract's form."""

    router: Router
    guard: Guard
    others: Mapping[str, ASGIApp]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (other := self.others.get(scope["path"].split("/", 2)[1])):
            await other(scope, receive, send)
            return
        scope["app"] = self  # so that the router raises what it cannot route
        try:
            await self.router(scope, receive, send)
        except HTTPException as fault:
            kept = tuple((name.lower().encode(), value.encode()) for name, value in (fault.headers or {}).items())
            error = MethodNotAllowed("not by this method") if fault.status_code == 405 else NotFound("nothing is here")
            answer = await self._refuse(scope, error)
            await replace(answer, headers=(*answer.headers, *kept)).send(scope, send)

    async def _refuse(self, scope: Scope, error: DomainError) -> Answer:
        counted = Counted()
        try:
            await self.guard.count_stranger(trace_of(scope), counted)
        except (RateLimited, Unavailable) as refusal:
            error = refusal
        if _is_v2(scope):
            return problem(error, counted.headers())
        status, body = refusals.refusal_of(error)
        return Answer(status, encode_json(body), headers=counted.headers())


def _defect(scope: Scope) -> Answer:
    if _is_v2(scope):
        return problem(Defect("something went wrong on our side; it has been logged"))
    return Answer(refusals.DEFECT.status, encode_json(refusals.DEFECT.body()))


def _is_v2(scope: Scope) -> bool:
    return f"{scope['path']}/".startswith("/v2/")


def _routes(doorstep: Doorstep, guard: Guard, rules: Rules, figures: Callable[[], Answer]) -> list[Route]:
    @cache  # made when it is first asked for: no start waits for it
    def description() -> Schema:
        return openapi(v1.OPERATIONS, v2.OPERATIONS, rules.allowed)

    @lru_cache(maxsize=8)
    def reference_at(base_url: str) -> Answer:
        return reference_page.render(description(), base_url)

    @cache
    def document() -> Answer:
        return Answer(200, msgspec.json.encode(description()))

    async def described(_scope: Scope) -> Answer:
        return document()

    async def reference(scope: Scope) -> Answer:
        return reference_at(_base_url(scope))

    async def reference_style(_scope: Scope) -> Answer:
        return reference_page.style()

    async def voices(_scope: Scope) -> Answer:
        return voices_page.render(doorstep.house)

    async def voice_sample(scope: Scope) -> Answer:
        return await voices_page.sample(doorstep.house, scope)

    probes = [
        *probes_of(doorstep.database_answers, figures, rules.metrics_allow),
        Probe("/openapi.json", described),
        Probe("/docs", reference),
        Probe("/docs/style.css", reference_style),
        Probe("/docs/voices", voices),
        Probe("/docs/voices/{voice}.wav", voice_sample),
    ]
    return [*v1.routes(guard), *v2.routes(guard), *(Route(probe.route, probe, methods=["GET"]) for probe in probes)]


def _base_url(scope: Scope) -> str:
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "127.0.0.1:8080")
    return f"{scope.get('scheme', 'http')}://{host}"
