"""What is told of each request, to logs and metrics: the route's template, never the path."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, Protocol

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from portevoix.domain.account import Address
from portevoix.web.address import Proxies
from portevoix.web.answer import Answer

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLIENT_GONE = 499  # as nginx logs it: nobody was left to answer
UNMATCHED = "(none)"

_WITHOUT_BODY = frozenset({"GET", "HEAD"})

log = structlog.get_logger("portevoix.api")


class Observer(Protocol):
    """Is told of answered requests."""

    def observe(self, request: Answered) -> None:
        """Take note of one."""


class Recorder(Protocol):
    """Keeps what is sent and told, for those whose it is."""

    def listen(self, scope: Scope, receive: Receive, trace: Trace) -> Receive:
        """Hear a body while it is read."""

    def record(self, scope: Scope, trace: Trace, duration_s: float) -> None:
        """Take note of an answered request."""


class Answered(NamedTuple):
    """An answered request, as logs and metrics tell it.

    Args:
        method: of HTTP; ``OTHER`` for one that nobody knows.
        route: the template of the path that matched, never the path: it may hold a key.
    """

    method: str
    route: str
    status: int
    duration_s: float
    address: Address | None
    account_id: int | None


@dataclass(slots=True)
class Trace:
    """What the log line says of a request; its endpoint fills it in.

    Args:
        route: the template of the path that matched.
        status: of the answer, once one is on its way.
        answer: itself, where it is whole and not told bit by bit.
        heard: what the recorder made of the request's body.
    """

    address: Address | None
    route: str = UNMATCHED
    account_id: int | None = None
    status: int = 0
    answer: Answer | None = None
    heard: object = None


def trace_of(scope: Scope) -> Trace:
    """Return the trace of a request that came through ``Traced``."""
    trace: Trace = scope["portevoix.trace"]
    return trace


class Traced:
    """Wraps the whole door: logs and counts each request, and turns a defect of ours into a 500.

    Args:
        app: what answers.
        observers: are told of each answer.
        proxies: tells the client's address.
        on_defect: the answer to a request that failed through our fault.
        recorder: keeps requests with their answers; ``None`` where that is switched off.
    """

    def __init__(
        self,
        app: ASGIApp,
        observers: Iterable[Observer],
        proxies: Proxies,
        on_defect: Callable[[Scope], Answer],
        recorder: Recorder | None = None,
    ) -> None:
        self._app = app
        self._observers = tuple(observers)
        self._proxies = proxies
        self._on_defect = on_defect
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything else than HTTP is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = perf_counter()
        trace = Trace(self._proxies.client(scope))
        scope["portevoix.trace"] = trace
        if self._recorder is not None and scope["method"] not in _WITHOUT_BODY:
            receive = self._recorder.listen(scope, receive, trace)
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            trace.status = CLIENT_GONE
        except Exception:
            log.exception("request_failed", route=trace.route)
            if trace.status:  # too late for another answer
                raise
            await self._on_defect(scope).send(scope, send)
        finally:
            self._tell(scope, trace, perf_counter() - began_s)

    def _tell(self, scope: Scope, trace: Trace, duration_s: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "OTHER"
        request = Answered(method, trace.route, trace.status, duration_s, trace.address, trace.account_id)
        for observer in self._observers:
            observer.observe(request)
        if self._recorder is not None:
            self._recorder.record(scope, trace, duration_s)
