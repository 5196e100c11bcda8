"""The HTTP door, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from portevoix.api import reference_page
from portevoix.api.address import Proxies
from portevoix.api.answer import Answer
from portevoix.api.openapi import openapi
from portevoix.api.operations import Probe, alive, ready
from portevoix.api.trace import Observer, Traced
from portevoix.api.v1 import refusals
from portevoix.api.v1.operation import Guard
from portevoix.api.v1.routes import OPERATIONS, routes
from portevoix.api.v1.wire import encode_json
from portevoix.domain.account import Network
from portevoix.domain.limit import Limit
from portevoix.ports import House, Limits


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
) -> ASGIApp:
    """Put the door together.

    Args:
        open_house: opened when the server starts, closed when it has answered its last request.
        observers: are told of each answered request.
        figures: the answer of ``/metrics``.
    """
    door = _Door()

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with open_house() as doorstep:
            door.router.routes = [*_routes(doorstep, rules, figures)]
            yield

    door.router = Router(redirect_slashes=False, lifespan=lifespan)
    return Traced(door, observers, Proxies(rules.trusted_proxies), lambda: _refusal(refusals.DEFECT))


class _Door:
    """Routes a request; what no route takes is refused in the contract's form."""

    router: Router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # so that the router raises what it cannot route
        try:
            await self.router(scope, receive, send)
        except HTTPException as problem:
            row = refusals.METHOD_NOT_ALLOWED if problem.status_code == 405 else refusals.NOT_FOUND
            headers = tuple((name.lower().encode(), value.encode()) for name, value in (problem.headers or {}).items())
            await _refusal(row, headers).send(scope, send)


def _refusal(row: refusals.Row, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return Answer(row.status, encode_json(row.body()), headers=headers)


def _routes(doorstep: Doorstep, rules: Rules, figures: Callable[[], Answer]) -> list[Route]:
    guard = Guard(doorstep.house, doorstep.limits, rules.allowed, rules.wrong_key)
    description = openapi(OPERATIONS, rules.allowed)
    document = Answer(200, msgspec.json.encode(description))

    async def described(_scope: Scope) -> Answer:
        return document

    async def reference(scope: Scope) -> Answer:
        return reference_page.render(description, _base_url(scope))

    async def reference_style(_scope: Scope) -> Answer:
        return reference_page.style()

    async def metrics(_scope: Scope) -> Answer:
        return figures()

    probes = [
        Probe("/healthz", alive),
        Probe("/readyz", ready(doorstep.database_answers)),
        Probe("/metrics", metrics, rules.metrics_allow),
        Probe("/openapi.json", described),
        Probe("/docs", reference),
        Probe("/docs/style.css", reference_style),
    ]
    return [*routes(guard), *(Route(probe.route, probe, methods=["GET"]) for probe in probes)]


def _base_url(scope: Scope) -> str:
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "127.0.0.1:8080")
    return f"{scope.get('scheme', 'http')}://{host}"
