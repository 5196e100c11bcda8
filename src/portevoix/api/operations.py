"""What those who run a node ask of it: whether it lives, whether it is ready, its figures."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from portevoix.domain.account import Network, is_within
from portevoix.web.address import Proxies
from portevoix.web.answer import Answer
from portevoix.web.trace import Traced, trace_of

TEXT = b"text/plain; charset=utf-8"


class Probe:
    """Answers a plain GET with what a function returns.

    Args:
        route: its path.
        answer: makes the answer.
        allowed: networks that may ask; ``None`` for everybody.
    """

    def __init__(
        self,
        route: str,
        answer: Callable[[Scope], Awaitable[Answer]],
        allowed: tuple[Network, ...] | None = None,
    ) -> None:
        self.route = route
        self._answer = answer
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        trace = trace_of(scope)
        trace.route = self.route
        if self._allowed is not None and not is_within(trace.address, self._allowed):
            answer = Answer(403, b"this address may not read it\n", TEXT)
        else:
            answer = await self._answer(scope)
        await answer.send(scope, send)


async def alive(_scope: Scope) -> Answer:
    """Say that this process answers requests; nothing else is looked at."""
    return Answer(200, msgspec.json.encode({"status": "ok"}))


def ready(database_answers: Callable[[], Awaitable[bool]]) -> Callable[[Scope], Awaitable[Answer]]:
    """Make the answer that says whether this process can do its work now: whether the database answers."""

    async def answer(_scope: Scope) -> Answer:
        if await database_answers():
            return Answer(200, msgspec.json.encode({"status": "ready", "database": "ok"}))
        return Answer(503, msgspec.json.encode({"status": "not ready", "database": "unreachable"}))

    return answer


def probes_of(
    database_answers: Callable[[], Awaitable[bool]], figures: Callable[[], Answer], allowed: tuple[Network, ...]
) -> list[Probe]:
    """List what every process can be asked.

    Args:
        figures: the answer of ``/metrics``.
        allowed: who may read it.
    """

    async def metrics(_scope: Scope) -> Answer:
        return figures()

    return [Probe("/healthz", alive), Probe("/readyz", ready(database_answers)), Probe("/metrics", metrics, allowed)]


def build_probes(probes: Sequence[Probe], proxies: tuple[Network, ...]) -> ASGIApp:
    """Make a door of nothing else, for a process without one.

    Args:
        proxies: whose ``X-Forwarded-For`` is believed.
    """
    router = Router([Route(probe.route, probe, methods=["GET"]) for probe in probes], redirect_slashes=False)
    return Traced(router, (), Proxies(proxies), lambda _scope: Answer(500, b"something went wrong\n", TEXT))
