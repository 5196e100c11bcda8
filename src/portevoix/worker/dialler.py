"""The dialler: claims due calls, paces them, has carriers make them, and sees to their settlement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from portevoix.domain.call import Outcome, Report
from portevoix.domain.dialling import Conclusion, Dial
from portevoix.domain.errors import DomainError
from portevoix.domain.trunk import Engine
from portevoix.ports import ORDINARY, Carrier, House, Standing, Subscription
from portevoix.service import dialling
from portevoix.worker.cancelling import surely, to_its_end
from portevoix.worker.desk import Desk
from portevoix.worker.pace import Pace, Pacing
from portevoix.worker.presence import LEASE_S, Presence

MOST_AT_ONCE = 256
POLL_S = 0.5
PACED_S = 0.02
AGAIN_S = 1.0
ORPHANED = timedelta(seconds=10)

#: How long carriers have to hang up. Nobody waits for one that does not.
HANG_UP_S = 5

#: For how long a node that ends tries to file and settle what it has.
FINISH_S = 10

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a node dials.

    Args:
        name: of the node, for people.
        route: the pace of all its calls together.
        account: the pace of each account.
        lease_s: for how long it is taken for alive after it last said so.
        standing: what its process is.
    """

    name: str
    route: Pace
    account: Pace
    lease_s: int = LEASE_S
    standing: Standing = ORDINARY


class Dialler:
    """A node that dials, until it is cancelled.

    Args:
        house: where calls are.
        routes: the carriers of simulated phones, the first one asked first.
        terms: how fast, and as who.
        on_settled: told of calls that were settled.
        engines: the carriers of trunks, by what makes their calls; they may come and go.
    """

    def __init__(
        self,
        house: House,
        routes: Sequence[Carrier],
        terms: Terms,
        on_settled: Callable[[Sequence[Conclusion]], None] = lambda concluded: None,
        engines: Mapping[Engine, Carrier] | None = None,
    ) -> None:
        self._house = house
        self._routes = tuple(routes)
        self._engines: Mapping[Engine, Carrier] = {} if engines is None else engines
        self._terms = terms
        self._pacing = Pacing(terms.route, terms.account)
        self._desk = Desk(house, on_settled)
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._strange: dict[int, datetime] = {}
        self._freed = asyncio.Event()
        self._is_draining = False
        self._drained = asyncio.Event()
        self._looks_again_at: datetime | None = None
        self._presence = Presence(house, terms.name, terms.standing, terms.lease_s, self._freed.set)

    async def run(self) -> None:
        """Dial. What is under way when this is cancelled is hung up, and reported as lost."""
        while True:
            try:
                await self._work()
            except Exception:
                log.exception("dialler_failed")
            await asyncio.sleep(AGAIN_S)

    async def drain(self, limit_s: float) -> None:
        """Begin no more calls, and let those under way come to their ends.

        Returns when they have, or when the time is up; the node is there all the while.
        """
        self._is_draining = True
        self._freed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._drained.wait()

    async def _work(self) -> None:
        async with self._house.signals.subscribe("calls") as signal, asyncio.TaskGroup() as group:
            group.create_task(surely(self._presence.keep))
            group.create_task(surely(self._desk.run))
            group.create_task(surely(self._sweep))
            group.create_task(surely(partial(self._hear, signal)))
            try:
                await self._dial()
                await self._let_end()
            finally:
                await to_its_end(self._hang_up())

    async def _dial(self) -> None:
        """Dial until draining begins; then no round is under way."""
        while not self._is_draining:
            try:
                began = await self._round() if self._presence.may_dial else 0
            except DomainError as error:
                log.warning("dialling_failed", error=error.message)
                await asyncio.sleep(AGAIN_S)
                continue
            if not began:
                await self._wait()

    async def _let_end(self) -> None:
        """Let calls under way come to their ends and be settled; then be there until cancelled, as who drains does."""
        if self._calls:
            log.info("draining", calls=len(self._calls))
        while self._calls:
            self._freed.clear()
            await self._freed.wait()
        await self._desk.empty()
        self._drained.set()
        await asyncio.get_running_loop().create_future()

    async def _round(self) -> int:
        """Claim as many due calls as may begin now, commit that they are dialled, and begin them."""
        now, node = self._house.clock.now(), self._presence.number  # it may begin anew as another meanwhile
        most, room, busy = self._pacing.room(now)
        if not most:
            return 0
        trunks = await dialling.rooms(self._house, self._engines)
        wanted = [one.opens_at for one in trunks if one.is_wanted and not one.calls and one.opens_at is not None]
        self._looks_again_at = min(wanted, default=None)
        claimed = await dialling.claim_due(self._house, node, min(most, MOST_AT_ONCE), room, busy, trunks)
        if not claimed:
            return 0
        self._looks_again_at = now  # where all of them wait for their trunks now, others may be behind them
        if self._is_draining or not self._presence.may_dial:  # meanwhile
            await self._house.calls.give_back(node, [one.id for one in claimed])
            return 0
        names = [route.name for route in self._routes]
        tenure = self._presence.tenure
        dials = await dialling.begin(self._house, node, claimed, names, self._engines)
        for dial in dials:
            self._pacing.begin(dial.account_id, now)
            self._calls[dial.call_id] = asyncio.create_task(self._call(dial, tenure))
        await asyncio.sleep(0)
        return len(dials)

    async def _call(self, dial: Dial, tenure: int) -> None:
        """Have a carrier make one call, and hand its report in."""
        report: Report | None = None
        try:
            if dial.refused is not None or self._presence.has_lasted(tenure):
                report = dial.refused or await self._ask(dial)
            else:  # others may have told its owner already that nobody knows how it ended
                log.warning("call_let_be", call=dial.call, attempt=dial.attempt)
        except Exception:
            log.exception("carrier_failed", call=dial.call, attempt=dial.attempt)
        finally:
            self._desk.hand_in(dial.call_id, dial.attempt, report or Report(Outcome.LOST, self._house.clock.now()))
            self._pacing.end(dial.account_id)
            self._calls.pop(dial.call_id, None)
            self._freed.set()

    async def _ask(self, dial: Dial) -> Report:
        """Have its carrier make a call: the engine of its trunk, or a simulator."""
        carrier = self._routes[dial.route] if dial.path is None else self._engines[dial.path.trunk.engine]
        return (await carrier.call(dial, self._desk.note)).cut(dial.longest_s)

    async def _hear(self, signal: Subscription) -> None:
        while True:
            await signal.heard()
            self._freed.set()

    async def _wait(self) -> None:
        """Wait until there may be something to dial: a signal, a call that ended, a pace that allows it again."""
        now = self._house.clock.now()
        is_paced = self._pacing.under_way and not self._pacing.room(now)[0]
        timeout_s = PACED_S if is_paced else POLL_S
        if self._looks_again_at is not None:
            timeout_s = min(max((self._looks_again_at - now).total_seconds(), PACED_S), timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._freed.wait()
        except TimeoutError:
            return
        self._freed.clear()

    async def _sweep(self) -> None:
        """Take care of what dead nodes left, and of reports that nobody has acted on."""
        while True:
            try:
                await self._look_for_orphans()
                node, dead_by = self._presence.number, self._presence.dead_by
                self._desk.settle_soon(await dialling.recover(self._house, node, dead_by=dead_by))
            except DomainError as error:
                log.warning("recovery_failed", error=error.message)
            await asyncio.sleep(AGAIN_S)

    async def _look_for_orphans(self) -> None:
        """Take care of calls that this node has by the books alone, for so long that it cannot be a round under way."""
        node = self._presence.number
        if not node:
            return
        now = self._house.clock.now()
        held = [call for call, _, _ in await self._house.calls.at_node(node)]
        self._strange = {call: self._strange.get(call, now) for call in held if call not in self._calls}
        orphans = [call for call, since in self._strange.items() if now - since > ORPHANED]
        if orphans:
            log.warning("calls_disowned", calls=len(orphans))
            await dialling.disown(self._house, node, orphans)

    async def _hang_up(self) -> None:
        if under_way := list(self._calls.values()):
            log.info("hanging_up", calls=len(under_way))
            for task in under_way:
                task.cancel()
            await asyncio.wait(under_way, timeout=HANG_UP_S)
        try:
            await self._desk.finish(FINISH_S)
        finally:
            await self._presence.leave()
