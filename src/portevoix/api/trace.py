"""What is told of each request: one log line and its metrics, with the route's template, never the path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portevoix.api.address import Proxies
from portevoix.api.answer import Answer
from portevoix.domain.account import Address

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "(none)"

access_log = structlog.get_logger("portevoix.access")


class Observer(Protocol):
    """Counts answered requests."""

    def observe(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one."""


@dataclass(slots=True)
class Trace:
    """What the log line says of a request; its endpoint fills it in.

    Args:
        route: the template of the path that matched.
    """

    address: Address | None
    route: str = UNMATCHED
    account_id: int | None = None
    status: int = 0


def trace_of(scope: Scope) -> Trace:
    """Return the trace of a request that came through ``Traced``."""
    trace: Trace = scope["portevoix.trace"]
    return trace


class Traced:
    """Wraps the whole door: logs and counts each request, and turns a defect of ours into a 500.

    Args:
        app: what answers.
        observer: counts the answers.
        proxies: tells the client's address.
        on_defect: the answer to a request that failed through our fault.
    """

    def __init__(self, app: ASGIApp, observer: Observer, proxies: Proxies, on_defect: Callable[[], Answer]) -> None:
        self._app = app
        self._observer = observer
        self._proxies = proxies
        self._on_defect = on_defect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything else than HTTP is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = perf_counter()
        trace = Trace(self._proxies.client(scope))
        scope["portevoix.trace"] = trace
        try:
            await self._app(scope, receive, _noting_status(send, trace))
        except Exception:
            access_log.exception("request_failed", route=trace.route)
            if trace.status:  # too late for another answer
                raise
            trace.status = 500
            await self._on_defect().send(scope, send)
        finally:
            self._tell(scope, trace, perf_counter() - began_s)

    def _tell(self, scope: Scope, trace: Trace, duration_s: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        self._observer.observe(method, trace.route, trace.status, duration_s)
        access_log.info(
            "request",
            method=method,
            route=trace.route,
            status=trace.status,
            duration_ms=round(duration_s * 1000, 2),
            address=str(trace.address) if trace.address else None,
            account=trace.account_id,
        )


def _noting_status(send: Send, trace: Trace) -> Callable[[Message], Awaitable[None]]:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            trace.status = message["status"]
        await send(message)

    return noting
