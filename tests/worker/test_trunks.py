"""A dialler with trunks: who is asked to make a call, and what becomes of one that waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from portevoix import bootstrap
from portevoix.bootstrap import engines
from portevoix.bootstrap.engines import Engines
from portevoix.bootstrap.trunks import OnHealth
from portevoix.carrier.simulator import SimulatedTime, Simulator
from portevoix.domain.call import CallState, Outcome
from portevoix.domain.dialling import Conclusion
from portevoix.domain.ids import Mode
from portevoix.domain.trunk import Engine, Trunk
from portevoix.ports import Carrier, House
from portevoix.service import credit
from portevoix.store.trunks import PostgresTrunks
from portevoix.worker.dialler import Dialler, Terms
from portevoix.worker.pace import Pace
from tests.conftest import PEPPER
from tests.parts import PATIENCE_S
from tests.store.test_calls import Customer, numbers
from tests.trunks import Exchange, add_route, add_trunk, policy

FAST = Terms("test", Pace(1_000, 1_000), Pace(1_000, 1_000))


@pytest.fixture
async def house(url: str) -> AsyncIterator[House]:
    """A house on our own time: a pace goes on by itself."""
    async with bootstrap.open_house(url, PEPPER.encode(), policy=policy()) as opened:
        listening = asyncio.create_task(opened.signals.listen())
        try:
            yield opened.house
        finally:
            listening.cancel()
            await asyncio.wait({listening})


@pytest.fixture
async def alice(house: House) -> Customer:
    return await Customer.of(house, "Alice", mode=Mode.LIVE)


class Over:
    """Counts the calls of each account that are over, for who waits for them."""

    def __init__(self) -> None:
        self._calls: Counter[int] = Counter()
        self._news = asyncio.Event()

    def settled(self, concluded: Sequence[Conclusion]) -> None:
        self._calls.update(one.filed.account_id for one in concluded if one.is_over)
        self._news.set()

    async def wait_for(self, customer: Customer, calls: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self._calls[customer.id] < calls:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def dialling(house: House, engines: dict[Engine, Carrier], over: Over | None = None) -> AsyncIterator[Over]:
    """Run a dialler beside a block."""
    over = over or Over()
    simulators = [Simulator(SimulatedTime(house.clock, None))]
    running = asyncio.create_task(Dialler(house, simulators, FAST, over.settled, engines).run())
    try:
        yield over
    finally:
        while not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=1)


async def test_live_calls_go_to_the_engine_of_their_trunk_and_those_of_a_sandbox_to_the_simulator(
    house: House, alice: Customer
) -> None:
    await add_route(house, await add_trunk(house))
    sandbox = await Customer.of(house, "Sandbox")
    exchange = Exchange(house.clock)
    async with dialling(house, {Engine.SIP: exchange}) as over:
        live, simulated = await alice.send(numbers(5)), await sandbox.send(numbers(5))
        await over.wait_for(alice, 5)
        await over.wait_for(sandbox, 5)
    assert await alice.states(live.campaign) == [CallState.FINISHED] * 5
    assert await sandbox.states(simulated.campaign) == [CallState.FINISHED] * 5
    assert [dial.account_id for dial in exchange.asked] == [alice.id] * 5
    assert await credit.check_ledger(house) == []


async def test_a_route_that_fails_is_followed_by_the_next_and_the_call_gets_through(
    house: House, alice: Customer
) -> None:
    await add_route(house, await add_trunk(house, "bad"), priority=1)
    await add_route(house, await add_trunk(house, "good"), priority=2)
    exchange = Exchange(house.clock, {"bad": Outcome.CONGESTION})
    async with dialling(house, {Engine.SIP: exchange}) as over:
        placing = await alice.send(numbers(1))
        await over.wait_for(alice, 1)
    assert await alice.states(placing.campaign) == [CallState.FINISHED]
    assert [dial.path and dial.path.trunk.name for dial in exchange.asked] == ["bad", "good"]


async def test_two_diallers_never_have_more_calls_over_a_trunk_than_it_takes_and_all_get_through(
    house: House, alice: Customer
) -> None:
    await add_route(house, await add_trunk(house, calls_max=3))
    most = 0

    class Counting(Exchange):
        async def call(self, dial, progress):
            nonlocal most
            most = max(most, sum(one.under_way for one in exchanges) + 1)
            await asyncio.sleep(0)
            return await super().call(dial, progress)

    exchanges = [Counting(house.clock) for _ in range(2)]
    over = Over()
    async with dialling(house, {Engine.SIP: exchanges[0]}, over), dialling(house, {Engine.SIP: exchanges[1]}, over):
        placing = await alice.send(numbers(30))
        await over.wait_for(alice, 30)
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 30
    assert sum(len(one.asked) for one in exchanges) == 30
    assert 1 <= most <= 3


async def test_a_full_trunk_holds_up_neither_a_sandbox_nor_another_trunk(house: House, alice: Customer) -> None:
    await add_route(house, await add_trunk(house, "full", calls_max=1), "336")
    await add_route(house, await add_trunk(house, "free"), "331")
    held, free, sandbox = (
        Exchange(house.clock, is_held=True),
        Exchange(house.clock),
        await Customer.of(house, "Sandbox"),
    )

    class Both(Exchange):
        async def call(self, dial, progress):
            assert dial.path is not None
            return await (held if dial.path.trunk.name == "full" else free).call(dial, progress)

    async with dialling(house, {Engine.SIP: Both(house.clock)}) as over:
        await alice.send(numbers(20))
        await asyncio.wait_for(held.began.wait(), PATIENCE_S)
        await alice.send(numbers(600)[100:103])
        await sandbox.send(numbers(3))
        await over.wait_for(alice, 3)
        await over.wait_for(sandbox, 3)
        assert (held.under_way, len(free.asked)) == (1, 3)
        held.hang_up()
        await over.wait_for(alice, 23)


async def test_calls_wait_for_an_engine_that_is_not_there_yet(house: House, alice: Customer) -> None:
    await add_route(house, await add_trunk(house))
    engines: dict[Engine, Carrier] = {}
    sandbox = await Customer.of(house, "Sandbox")
    async with dialling(house, engines) as over:
        placing = await alice.send(numbers(2))
        await sandbox.send(numbers(2))
        await over.wait_for(sandbox, 2)
        assert set(await alice.states(placing.campaign)) <= {CallState.READY, CallState.CLAIMED}
        engines[Engine.SIP] = Exchange(house.clock)
        await over.wait_for(alice, 2)
    assert await alice.states(placing.campaign) == [CallState.FINISHED] * 2


class Watching(Exchange):
    """An exchange that is told which trunks there are."""

    def __init__(self, house: House, on_health: OnHealth) -> None:
        super().__init__(house.clock)
        self.on_health = on_health
        self.watched: asyncio.Queue[list[str]] = asyncio.Queue()

    async def watch(self, trunks: Sequence[Trunk]) -> None:
        self.watched.put_nowait([one.name for one in trunks])


class ToldTrunks(PostgresTrunks):
    """The store, and what it was told of trunks' health."""

    told: asyncio.Queue[bool]

    async def reachable(self, trunk_id: int, down_until: datetime | None) -> None:
        await super().reachable(trunk_id, down_until)
        self.told.put_nowait(down_until is None)


async def test_one_process_of_a_node_makes_the_carrier_once_there_is_a_trunk(
    opened: bootstrap.Opened, data_folder: Path
) -> None:
    store = ToldTrunks(opened.database, opened.house.clock)
    store.told = asyncio.Queue()
    house = replace(opened.house, trunks=store)
    made: asyncio.Queue[Watching] = asyncio.Queue()

    @asynccontextmanager
    async def make(trunks: Sequence[Trunk], on_health: OnHealth) -> AsyncIterator[Watching]:
        assert [one.name for one in trunks] == ["bench"]
        carrier = Watching(house, on_health)
        made.put_nowait(carrier)
        yield carrier

    engines = [Engines(house, data_folder, {Engine.SIP: make}) for _ in range(2)]
    trunk = await add_trunk(house)
    running = [asyncio.create_task(one.run()) for one in engines]
    try:
        async with asyncio.timeout(PATIENCE_S):
            carrier = await made.get()
            assert await carrier.watched.get() == ["bench"]
            await carrier.watched.get()  # the other has looked meanwhile, too
            assert (made.empty(), sorted(len(one.carriers) for one in engines)) == (True, [0, 1])
            for is_reachable in (False, True):
                carrier.on_health(trunk.id, is_reachable)
                assert await store.told.get() is is_reachable
                assert ((await store.all())[0].down_until is None) is is_reachable
    finally:
        for one in running:
            one.cancel()
        await asyncio.wait(running)


async def test_a_carrier_that_could_not_be_made_is_made_the_next_time(
    opened: bootstrap.Opened, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOOK_S", 0.001)
    tries, made = 0, asyncio.Event()

    @asynccontextmanager
    async def make(trunks: Sequence[Trunk], on_health: OnHealth) -> AsyncIterator[Watching]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("there is no way to any trunk")
        made.set()
        yield Watching(opened.house, on_health)

    await add_trunk(opened.house)
    running = asyncio.create_task(Engines(opened.house, data_folder, {Engine.SIP: make}).run())
    try:
        await asyncio.wait_for(made.wait(), PATIENCE_S)
    finally:
        running.cancel()
        await asyncio.wait({running})
