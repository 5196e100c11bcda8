"""A test bench of trunks: on this machine, so that they may take numbers of fiction."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from portevoix.domain.call import Answerer, Billing, Outcome, Report
from portevoix.domain.dialling import Dial, Progress
from portevoix.domain.routing import Route, Serves, route_name
from portevoix.domain.safety import Safety
from portevoix.domain.trunk import Credentials, Engine, Server, Trunk
from portevoix.ports import Clock, House, Policy
from tests.parts import PATIENCE_S

#: What an operator of a test bench sets.
BENCH = Safety(fiction=True)


def policy(safety: Safety = BENCH) -> Policy:
    """The policy of a test bench."""
    return Policy(Billing(), routes=2, most_recipients=100_000, per_second=25, safety=safety)


def trunk_of(name: str = "bench", **terms: Any) -> Trunk:
    """A trunk on this machine."""
    if terms.get("engine") is Engine.ASTERISK:
        terms = {"credentials": Credentials("portevoix", "s3cret"), **terms}
    return Trunk(
        **{"id": 0, "name": name, "engine": Engine.SIP, "server": Server("127.0.0.1"), "calls_per_s": 1_000, **terms}
    )


def route_of(trunk: Trunk, prefix: str = "33", **terms: Any) -> Route:
    """A route over a trunk."""
    name = route_name(trunk.name, prefix, terms.get("serves", Serves.BOTH))
    return Route(**{"name": name, "trunk": trunk, "prefix": prefix, **terms})


async def add_trunk(house: House, name: str = "bench", **terms: Any) -> Trunk:
    """Keep a trunk on this machine."""
    return await house.trunks.add(trunk_of(name, **terms))


async def add_route(house: House, trunk: Trunk, prefix: str = "33", **terms: Any) -> Route:
    """Keep a route over a trunk."""
    route = route_of(trunk, prefix, **terms)
    await house.trunks.add_route(route)
    return route


class Exchange:
    """The ``Carrier`` port: a far end that does as it is told, and keeps what it was asked.

    Args:
        outcomes: how calls over a trunk end, by its name; the others are answered.
        is_held: calls last until ``hang_up``.
        began: set with each call that begins.
    """

    def __init__(self, clock: Clock, outcomes: dict[str, Outcome] | None = None, *, is_held: bool = False) -> None:
        self._clock = clock
        self._outcomes = outcomes or {}
        self._is_held = is_held
        self._over = asyncio.Event()
        self.began = asyncio.Event()
        self.asked: list[Dial] = []
        self.under_way = 0

    @property
    def name(self) -> str:
        """Of the route."""
        return "exchange"

    def hang_up(self) -> None:
        """End the calls that are under way, and hold no more."""
        self._is_held = False
        self._over.set()

    async def call(self, dial: Dial, progress: Callable[[Progress], None]) -> Report:
        """Make one call, to its end."""
        assert dial.path is not None, "a simulated phone was asked of a trunk"
        self.asked.append(dial)
        self.under_way += 1
        self.began.set()
        try:
            if self._is_held:
                await self._over.wait()
        finally:
            self.under_way -= 1
        outcome = self._outcomes.get(dial.path.trunk.name, Outcome.ANSWERED)
        rang_at = None if outcome is Outcome.CONGESTION else dial.at
        answered_at = dial.at if outcome is Outcome.ANSWERED else None
        return Report(outcome, dial.at + timedelta(seconds=6), rang_at, answered_at, Answerer.PERSON)


class Operator(threading.Thread):
    """A far end on this machine that gives each request of a method its response, and keeps what it was asked.

    Args:
        responses: the status lines, by method; the others are not answered.
    """

    def __init__(self, responses: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._responses = responses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.server = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[str] = []
        self.has_heard = threading.Event()

    def run(self) -> None:
        while True:
            request, address = self._socket.recvfrom(65_535)
            if not request:
                return
            method, *lines = request.decode().split("\r\n")
            self.asked.append(request.decode())
            self.has_heard.set()
            status = self._responses.get(method.split()[0])
            if status is not None:
                kept = [line for line in lines if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
                answer = "\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0", "", ""])
                self._socket.sendto(answer.encode(), address)

    def __enter__(self) -> Operator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self.join(PATIENCE_S)
        self._socket.close()
