"""The field: PostgreSQL, nodes on wires of their own, a receiver of webhooks, and a customer who sends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from portevoix import bootstrap
from portevoix.domain.call import Retries
from portevoix.domain.magic import trick_of
from portevoix.domain.number import Number
from portevoix.store.migrate import migrate
from tests.chaos.faults import Fault, Kind
from tests.chaos.namespace import OUTSIDE, Namespace
from tests.chaos.node import Node
from tests.chaos.postgres import Postgres
from tests.chaos.wire import Wire
from tests.chaos.witness import Testimony
from tests.conftest import PEPPER
from tests.notify.receiver import Answer, Receiver, redirect
from tests.parts import PATIENCE_S, free_port
from tests.store.test_calls import BLOCKS, Customer

#: More than all calls can cost.
EUROS = 1_000_000

#: A busy line, or a phone that nobody answers, is tried once more.
RETRIES = Retries(1, 1)

#: What a send may be answered with while something is broken: try again.
BROKEN = (503,)

AGAIN_S = 0.1

#: How long nodes may take to start.
START_S = 120
DOOR = "door"
FIRST = "worker-1"

#: What a receiver of webhooks does instead of taking them.
MANNERS: Mapping[str, Answer] = {
    "hangs": Answer(hangs=True),
    "floods": Answer(floods=True),
    "redirects": redirect("http://127.0.0.1:1/"),
    "fails": Answer(500),
    "lies": Answer(raw=b"HTTP/1.1 two hundred\r\nContent-Length: -1\r\n\r\n"),
}


@dataclass(frozen=True)
class Terms:
    """How a field is laid out.

    Args:
        workers: nodes that dial.
        per_second: calls that each of them begins a second.
        speed: of simulated phones; ``max`` or seconds a second.
        lease_s: of a node.
        sets_clocks: whether the first worker has a clock of its own, where that can be had.
    """

    workers: int = 3
    per_second: int = 150
    speed: str = "max"
    lease_s: int = 3
    sets_clocks: bool = True


@dataclass
class Field:
    """All that there is, in the hands of whoever breaks it."""

    terms: Terms
    folder: Path
    postgres: Postgres
    receiver: Receiver
    testimony: Testimony
    faketime: str | None
    wires: dict[str, Wire] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    door_port: int = 0
    customer: Customer = field(init=False)
    acknowledged: list[str] = field(default_factory=list)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def workers(self) -> list[str]:
        """The nodes that dial."""
        return [name for name in self.nodes if name != DOOR]

    @property
    def clocked(self) -> str | None:
        """The node whose clock can be set."""
        return FIRST if self.faketime else None

    def environment(self, wire: Wire) -> dict[str, str]:
        """How a node is set."""
        return {
            "PORTEVOIX_DATABASE_URL": wire.url(self.postgres.url),
            "PORTEVOIX_KEY_PEPPER": PEPPER,
            "PORTEVOIX_WEBHOOKS_ALLOW": "127.0.0.0/8",
            "PORTEVOIX_LOG_LEVEL": "warning",
            "PORTEVOIX_LIMIT_V2": "off",
            "PORTEVOIX_WORK": "no",  # of the door
            "PORTEVOIX_LEASE_S": str(self.terms.lease_s),
            "PORTEVOIX_SIMULATOR_SPEED": self.terms.speed,
            "PORTEVOIX_SIMULATOR_WITNESS": str(self.testimony.path),
            "PORTEVOIX_CALLS_PER_SECOND": str(self.terms.per_second),
            "PORTEVOIX_ACCOUNT_CALLS_PER_SECOND": str(self.terms.per_second),
        }

    async def start(self) -> None:
        """Start what does not run, as a supervisor does, again and again; returns once the door answers."""
        await self.postgres.start()
        async with asyncio.timeout(START_S), self.http() as http:
            while not await self._is_ready(http):
                for name, node in self.nodes.items():
                    if not node.is_running:
                        await node.start(self.set_clock(name, "+0"))
                await asyncio.sleep(AGAIN_S)

    async def _is_ready(self, http: httpx2.AsyncClient) -> bool:
        """Tell whether all nodes run, and the door answers."""
        try:
            door = await http.get("/readyz")
        except httpx2.TransportError:
            return False
        return door.status_code == 200 and all(node.is_running for node in self.nodes.values())

    def set_clock(self, name: str, ahead: str) -> Mapping[str, str]:
        """Set the clock of the node that has one of its own; returns what its process needs for it."""
        if name != self.clocked or self.faketime is None:
            return {}
        path = self.folder / "faketime"
        path.write_text(f"{ahead}\n", encoding="ascii")
        return {
            "LD_PRELOAD": self.faketime,
            "FAKETIME_TIMESTAMP_FILE": str(path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Be a customer's program."""
        key = {"authorization": f"Bearer {self.customer.key}"}
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{self.door_port}", trust_env=False, timeout=PATIENCE_S, headers=key
        ) as http:
            yield http

    async def send(self, numbers: list[str], **order: Any) -> str:
        """Send over HTTP until it is acknowledged, under one idempotency key; returns the message's id."""
        key = {"idempotency-key": f"chaos-{next(self._numbers)}"}
        body = {"audio": self.customer.token, "to": numbers, **order}
        async with self.http() as http:
            while True:
                try:
                    answer = await http.post("/v2/messages", json=body, headers=key)
                except httpx2.TransportError:
                    await asyncio.sleep(AGAIN_S)
                    continue
                if answer.status_code == 201:
                    self.acknowledged.append(str(answer.json()["id"]))
                    return self.acknowledged[-1]
                assert answer.status_code in BROKEN, f"{answer.status_code} {answer.text}"
                assert answer.json()["code"] in ("unavailable", "busy"), answer.text
                await asyncio.sleep(AGAIN_S)

    async def send_retried(self, numbers: list[str]) -> str:
        """Send by the house, with retries sooner than the API takes them."""
        async with bootstrap.open_house(self.postgres.url, PEPPER.encode()) as opened:
            sender = Customer(opened.house, *self._customer_parts())
            placing = await sender.send([Number.parse(one) for one in numbers], retries=RETRIES)
            self.acknowledged.append(placing.campaign)
            return placing.campaign

    def _customer_parts(self) -> tuple[Any, ...]:
        known = self.customer
        return known.ref, known.key, known.token, known.id

    async def inflict(self, fault: Fault) -> None:
        """Have a fault befall its victim, and be over."""
        async with self._locks.setdefault(fault.victim, asyncio.Lock()):
            await self._deeds[fault.kind](fault)

    @property
    def _deeds(self) -> Mapping[Kind, Callable[[Fault], Coroutine[Any, Any, None]]]:
        return {
            Kind.KILL: self._kill,
            Kind.SLEEP: self._sleep,
            Kind.CUT: self._cut,
            Kind.CUT_ANSWER: self._cut_answer,
            Kind.CLOSE_ANSWERS: self._close_answers,
            Kind.HOLD: self._hold,
            Kind.SET_CLOCK: self._set_clock,
            Kind.RESTART: self._stop_postgres,
            Kind.CRASH: self._stop_postgres,
            Kind.KILL_POSTGRES: self._kill_postgres,
            Kind.TERMINATE: self._terminate,
            Kind.BAD_RECEIVER: self._spoil_receiver,
        }

    async def _kill(self, fault: Fault) -> None:
        node = self.nodes[fault.victim]
        await node.kill()
        await asyncio.sleep(fault.lasts_s)
        await node.start(self.set_clock(fault.victim, "+0"))

    async def _sleep(self, fault: Fault) -> None:
        node = self.nodes[fault.victim]
        node.sleep()
        await asyncio.sleep(fault.lasts_s)
        node.wake()

    async def _cut(self, fault: Fault) -> None:
        self.wires[fault.victim].cut()

    async def _cut_answer(self, fault: Fault) -> None:
        self.wires[fault.victim].cut_after(int(fault.what.split()[1]))

    async def _close_answers(self, fault: Fault) -> None:
        self.wires[fault.victim].close_answers()

    async def _hold(self, fault: Fault) -> None:
        wire = self.wires[fault.victim]
        wire.hold()
        await asyncio.sleep(fault.lasts_s)
        wire.let_go()

    async def _set_clock(self, fault: Fault) -> None:
        self.set_clock(fault.victim, fault.what)
        await asyncio.sleep(fault.lasts_s)
        self.set_clock(fault.victim, "+0")

    async def _stop_postgres(self, fault: Fault) -> None:
        await self.postgres.stop("fast" if fault.kind is Kind.RESTART else "immediate")
        await asyncio.sleep(fault.lasts_s)
        await self.postgres.start()

    async def _kill_postgres(self, fault: Fault) -> None:
        self.postgres.kill()
        await asyncio.sleep(fault.lasts_s)
        await self.postgres.start()

    async def _terminate(self, fault: Fault) -> None:
        sessions = await self.postgres.sessions()
        await self.postgres.ask("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", list(sessions[::2]))

    async def _spoil_receiver(self, fault: Fault) -> None:
        good, self.receiver.default = self.receiver.default, MANNERS[fault.what]
        await asyncio.sleep(fault.lasts_s)
        self.receiver.default = good
        self.receiver.release.set()  # what hangs is answered, as the others are
        self.receiver.release = asyncio.Event()


def find_faketime() -> str | None:
    """Find what sets the clock of one process."""
    return next((str(path) for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


#: Busy, declined, hung up on, answered: over within seconds.
HURRIED = ("11", "12", "14", *(str(code) for code in range(90, 100)))


def phones(chance: random.Random, count: int, *, hurried: bool = False) -> list[str]:
    """Draw different simulated phones that do all that phones do, but for the tricks of the API and its callbacks.

    Args:
        hurried: those whose calls are over within seconds: a retry is due so long after the simulated end.
    """
    tails = [f"{tail:04}" for tail in range(1_000 if hurried else 10_000)]
    if hurried:
        tails = [tail for tail in tails if tail.endswith(HURRIED)]
    found = (f"+{block}{tail}" for block in BLOCKS for tail in tails)
    plain = [number for number in found if trick_of(Number.parse(number)) is None]
    return chance.sample(plain, count)


@asynccontextmanager
async def laid_out(terms: Terms, folder: Path, apart: Namespace | None = None) -> AsyncIterator[Field]:
    """Lay a field out in a folder, its nodes running.

    Args:
        apart: where the first worker is, if it is to be on a network of its own.
    """
    async with AsyncExitStack() as stack:
        postgres = Postgres(folder)
        await postgres.start()
        stack.push_async_callback(_stop, postgres)
        await asyncio.to_thread(migrate, postgres.url)
        receiver = await stack.enter_async_context(Receiver())
        faketime = find_faketime() if terms.sets_clocks else None
        there = Field(terms, folder, postgres, receiver, Testimony(folder / "witness"), faketime)
        async with bootstrap.open_house(postgres.url, PEPPER.encode()) as opened:
            there.customer = await Customer.of(opened.house, "Mairie", euros=EUROS)
        there.door_port = free_port()
        for name in [*(f"worker-{number}" for number in range(1, terms.workers + 1)), DOOR]:
            space = apart if name == FIRST else None
            wire = Wire(postgres.socket, OUTSIDE) if space else Wire(postgres.socket)
            there.wires[name] = await stack.enter_async_context(wire)
            command = ["serve", "--port", str(there.door_port)] if name == DOOR else ["work"]
            within = space.within if space else ()
            node = there.nodes[name] = Node(name, folder / name, command, there.environment(wire), within)
            stack.push_async_callback(_end, node)
        await there.start()
        yield there


async def _stop(postgres: Postgres) -> None:
    with contextlib.suppress(Exception):
        await postgres.stop("immediate")


async def _end(node: Node) -> None:
    if node.is_running:
        node.wake()
        await node.kill()
